"""A plan made right after an apply is empty, whatever the spec; and the way to a state leaves no trace.

`BATCHSPEC_TEST_EXAMPLES` says how many specs are tried; the normal run tries a few.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from itertools import count
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, assume, given, settings

from batchspec.errors import SpecError
from batchspec.language.model import Spec
from batchspec.resources import job, pool
from batchspec.resources.base import UNSTATED, Field, Json, metadata_of
from batchspec.resources.equality import as_created
from batchspec.service.batch import job as job_service
from batchspec.service.batch import pool as pool_service
from batchspec.service.connect import Account
from batchspec.service.embedded import LocalAccount

from .endpoint import QuickClock, applied, planned, served, spec_of
from .strategies import SECRET_VARIABLE, specs

FEW = 10
EXAMPLES = int(os.environ.get("BATCHSPEC_TEST_EXAMPLES", FEW))
QUICK = settings(
    max_examples=EXAMPLES,
    phases=[Phase.reuse, Phase.generate],  # to make a failing spec smaller would take minutes
    report_multiple_bugs=False,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large],
)
_number = count(1)


@pytest.fixture(scope="module")
def account(shared_account: LocalAccount, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Account]:
    """A Batch account of this module's own, with the blobs of the run's local account."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(SECRET_VARIABLE, "not-to-be-seen")
        home = tmp_path_factory.mktemp("batch")
        with served(home, shared_account.connection_string, QuickClock()) as found:
            yield found


def named(data: Mapping[str, Any], name: str) -> Spec:
    """The spec that *data* is, under ids of its own. What the rules between fields refuse is not tried."""
    whole = {"version": 1, "name": name, **data, "pool": {"id": name, **data["pool"]}}
    if "job" in data:
        whole["job"] = {"id": name, **data["job"]}
    try:
        return spec_of(whole)
    except SpecError:
        assume(False)
        raise


@QUICK
@given(data=specs())
def test_a_plan_after_an_apply_is_empty(account: Account, data: dict[str, Any]) -> None:
    """Planning again right after an apply finds nothing to do, for every field in the schema."""
    spec = named(data, f"quiet{next(_number)}")
    applied(account, spec)
    assert tuple(planned(account, spec).actions) == ()


@QUICK
@given(first=specs(), second=specs())
def test_the_way_leaves_no_trace(account: Account, first: dict[str, Any], second: dict[str, Any]) -> None:
    """One spec after another ends where the second alone does, up to what cannot be undone."""
    number = next(_number)
    before, after, alone = (
        named(first, f"way{number}"),
        named(second, f"way{number}"),
        named(second, f"alone{number}"),
    )
    for spec in (before, after, alone):
        applied(account, spec)
        assert tuple(planned(account, spec).actions) == ()
    assert lasting(pool.FIELDS, live_pool(account, after), after) == lasting(
        pool.FIELDS, live_pool(account, alone), alone
    )
    if after.job is not None:
        assert lasting(job.FIELDS, live_job(account, after), after) == lasting(
            job.FIELDS, live_job(account, alone), alone
        )


def live_pool(account: Account, spec: Spec) -> Json:
    live = pool_service.read(account.batch, spec.pool.id if spec.pool else "")
    assert live is not None
    return live


def live_job(account: Account, spec: Spec) -> Json:
    generations = job_service.generations(account.batch, spec.job_id)
    return max(generations, key=lambda found: job.generation(spec.job_id, found["id"]) or 0)


# What cannot be undone, or differs between any two resources:
#   id and poolInfo, since each is its own; a job's id has its generation in it
#   metadata keys that a spec no longer has: they may be somebody else's by now
#   the resizeTimeout of a pool that scales itself: only a resize could set it
#   what only the service knows (UNSTATED) where the second spec does not state it
_OWN = frozenset({"id", "poolInfo"})


def lasting(fields: Mapping[str, Field], live: Json, spec: Spec) -> dict[str, Any]:
    """What of a live pool or job is the spec's doing, in one form for what Batch holds for the same."""
    stated = spec.pool.body if fields is pool.FIELDS and spec.pool else spec.job or {}
    left = {name for name in fields if name not in _OWN and fields[name].same is not as_created}
    if live.get("enableAutoScale"):
        left.discard("resizeTimeout")
    found = {name: _form(fields[name], live.get(name), stated.get(name)) for name in sorted(left)}
    wanted = metadata_of(stated)
    found["metadata"] = {name: value for name, value in metadata_of(live).items() if name in wanted}
    return found


def _form(described: Field, value: Any, stated: Any) -> Any:
    """*value*, filled with defaults, without order where it means nothing."""
    if described.default is UNSTATED and stated is None:
        return None
    if value in (None, "", []):
        value = None if described.default is UNSTATED else described.default
    if isinstance(value, list):
        items = [_form(described, item, None) for item in value]
        return sorted(items, key=json.dumps) if described.any_order else items
    if isinstance(value, dict) and described.fields:
        inner = stated if isinstance(stated, dict) else {}
        return {
            name: _form(member, value.get(name), inner.get(name)) for name, member in described.fields.items()
        }
    return value.casefold() if isinstance(value, str) else value


def test_every_field_takes_part() -> None:
    """No field is left out of what is drawn: in many specs each is there, in a long run each member too."""
    long = EXAMPLES > FEW
    seen: set[str] = set()

    @settings(
        QUICK, max_examples=2000 if long else 500, phases=[Phase.generate], database=None, derandomize=True
    )
    @given(data=specs())
    def draw(data: dict[str, Any]) -> None:
        seen.update(paths(data["pool"]), paths(data.get("job", {})))

    draw()
    wanted = {*entries(pool.FIELDS), *entries(job.FIELDS)}
    wanted = {path for path in wanted if path not in ("id", "poolInfo", "poolInfo.poolId")}
    assert {path for path in wanted if long or "." not in path} <= seen


def paths(value: Any, above: str = "") -> Iterator[str]:
    """The path of every field in *value*; items of a list stand under the list's own path."""
    if isinstance(value, dict):
        for name, member in value.items():
            path = f"{above}.{name}".removeprefix(".")
            yield path
            yield from paths(member, path)
    elif isinstance(value, list):
        for item in value:
            yield from paths(item, above)


def entries(table: Mapping[str, Field], above: str = "") -> Iterator[str]:
    """The path of every entry of *table*."""
    for name, described in table.items():
        path = f"{above}.{name}".removeprefix(".")
        yield path
        yield from entries(described.fields, path)
