"""Whatever pool and job a spec can describe: made by others, it is read back as a spec that plans nothing."""

from __future__ import annotations

import os
from collections.abc import Iterator
from itertools import count
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, assume, given, settings
from plan.endpoint import QuickClock, planned, served, spec_of
from plan.strategies import SECRET_VARIABLE, specs

from batchspec.desired.artifacts.readable import Readable
from batchspec.desired.expansion.expand import expand
from batchspec.document.parser import parse
from batchspec.engine import importing
from batchspec.errors import SpecError
from batchspec.language.build import build
from batchspec.resources.base import STAMPS, Json
from batchspec.service.batch.secrets import with_secrets
from batchspec.service.connect import Account
from batchspec.service.embedded import LocalAccount
from batchspec.source import Source

_number = count(1)
_SECRET = "never-to-be-seen"


@pytest.fixture(scope="module")
def account(shared_account: LocalAccount, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Account]:
    """A Batch account of this module's own."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(SECRET_VARIABLE, _SECRET)
        home = tmp_path_factory.mktemp("batch")
        with served(home, shared_account.connection_string, QuickClock()) as found:
            yield found


def as_others_make_it(body: Json) -> dict[str, Any]:
    """A create body without our stamps, its secrets filled in."""
    own = [entry for entry in body.get("metadata", []) if entry["name"] not in STAMPS]
    return dict(with_secrets({**body, "metadata": own}))


@settings(
    max_examples=int(os.environ.get("BATCHSPEC_TEST_EXAMPLES", "15")),
    phases=[Phase.reuse, Phase.generate],
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large],
)
@given(data=specs())
def test_what_is_read_back_plans_nothing(account: Account, data: dict[str, Any]) -> None:
    """Every field takes part over time; nothing has to be passed over, and no secret is in the text."""
    id = f"back{next(_number)}"
    whole = {"version": 1, "name": id, **data, "pool": {"id": id, **data["pool"]}}
    if "job" in data:
        whole["job"] = {"id": id, **data["job"]}
    whole.pop("tasks", None)
    try:
        desired = expand(spec_of(whole), Readable({}))
    except SpecError:
        assume(False)
        raise
    pool = as_others_make_it(desired.pool or {})
    machine = pool["virtualMachineConfiguration"]
    pool["virtualMachineConfiguration"] = {"nodeAgentSKUId": "batch.node.ubuntu 24.04", **machine}
    account.batch.post("/pools", pool, doing="make a pool as others do")
    if desired.job:
        account.batch.post("/jobs", as_others_make_it(desired.job), doing="make a job as others do")

    found = importing.find(account, id, id if desired.job else None)
    imported = importing.compose(found, id, "batchspec import …")
    importing.adopt(account, imported, importing.foreign(found, id))

    spec = build(parse(Source("imported.yaml", imported.text)))
    assert tuple(planned(account, spec).actions) == ()
    assert spec.ignored == frozenset()
    assert _SECRET not in imported.text
