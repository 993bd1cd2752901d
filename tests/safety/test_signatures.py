"""The signature of a URL lets anyone in, so none is shown or kept, whoever wrote it there (S-15, S-16)."""

from __future__ import annotations

import json
from collections.abc import Iterator
from types import SimpleNamespace

import pytest
from plan.case import desired_of, observed_of

from batchspec.engine.health.wrote import excerpt
from batchspec.errors import BatchspecError, NotSignedInError, RunError
from batchspec.plan.actions.drift import find_drift
from batchspec.plan.actions.planner import make_plan
from batchspec.plan.identity import action_line
from batchspec.render.plans.as_drift import drift_json, drift_text
from batchspec.render.plans.as_json import plan_json
from batchspec.render.plans.as_text import plan_text
from batchspec.resources.task import failure_of
from batchspec.secrecy import without_signatures
from batchspec.service.http.errors import error_of

SECRET = "c2VjcmV0c2VjcmV0"
URL = f"https://account.blob.core.windows.net/input/clip.mp4?sv=2025-05-05&sp=r&sig={SECRET}%3D&se=2026-01-01"
SPEC = """
version: 1
name: work
pool: {id: p, vmSize: Standard_D2ds_v5, image: "canonical:ubuntu-24_04-lts:server", metadata: [{name: from, value: us}]}
"""
CASES = (
    {"startTask": {"commandLine": "x", "resourceFiles": [{"httpUrl": URL, "filePath": "clip.mp4"}]}},
    {"startTask": {"commandLine": f"curl -o x '{URL}'"}},
    {"metadata": {"from": URL}},
    {
        "startTask": {
            "commandLine": f"upload --to AccountName=a;AccountKey={SECRET}; --of input/clip.mp4?sig={SECRET}"
        }
    },
)


@pytest.mark.parametrize("live", CASES, ids=["resource file", "command line", "metadata", "a key"])
def test_a_live_signature_enters_neither_plan_nor_drift(live: dict[str, object]) -> None:
    """What somebody else put on a pool is shown without its signature, in every form and in a saved plan."""
    case = {"spec": SPEC, "observed": {"pool": live}}
    desired = desired_of(case)
    observed = observed_of(case["observed"], desired)  # type: ignore[arg-type]
    plan = make_plan(desired, observed)
    drift = find_drift(desired, observed.pool, ())
    texts = (
        plan_text(plan),
        "".join(plan_json(plan, id="x", account="y", warnings=())),
        *map(action_line, plan.actions),
        repr(plan),
        drift_text(drift),
        json.dumps(drift_json("work", drift)),
    )
    assert "input/clip.mp4?***" in texts[1]
    assert not any(SECRET in text for text in texts)


def _errors() -> Iterator[BatchspecError]:
    said = json.dumps({"code": "Forbidden", "message": {"value": f"may not read {URL}"}})
    for status in (400, 403):
        yield error_of(SimpleNamespace(content=said, status_code=status, reason="No", headers={}), "read")
    yield NotSignedInError(f"may not read {URL}")
    yield RunError(f"start task failed: {URL}\n  more: {URL}")


@pytest.mark.parametrize("error", list(_errors()), ids=lambda error: type(error).__name__)
def test_no_error_carries_a_signature(error: BatchspecError) -> None:
    """What the service, a node or a pool's resize says is told without the signatures in it."""
    assert SECRET not in str(error)
    assert "input/clip.mp4?***" in str(error)


def test_what_a_task_says_is_told_without_signatures() -> None:
    """A failure's message and the last lines of a task's files have none."""
    failure = {"code": "FileUploadMiscError", "message": f"PUT {URL} failed"}
    shown = URL.partition("?")[0] + "?***"
    assert failure_of({"exitCode": 0, "failureInfo": failure}) == f"FileUploadMiscError: PUT {shown} failed"
    assert SECRET[-4:] not in excerpt(f"{URL} {'x' * 250}").lines[0]
    assert excerpt(f"one\n\nget {URL} now\n").lines == ("one", f"get {shown} now")


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("https://a/b?version=1", "https://a/b?version=1"),
        ('{"httpUrl": "https://a/b?sv=1&sig=xyz"}', '{"httpUrl": "https://a/b?***"}'),
        (
            "SharedAccessSignature=sv=1&sig=xyz;BlobEndpoint=x",
            "SharedAccessSignature=sv=1&sig=***;BlobEndpoint=x",
        ),
        ("https%3A%2F%2Fa%3Fsv%3D1%26sig%3Dxyz", "https%3A%2F%2Fa%3Fsv%3D1%26sig%3D***"),
        ("design=flat", "design=flat"),
    ],
)
def test_only_signatures_are_hidden(text: str, shown: str) -> None:
    """The rest of a text stays as it is."""
    assert without_signatures(text) == shown
