"""What a run that nobody waits for leaves undone."""

import pytest

from batchspec.document.parser import parse
from batchspec.engine.run.detached import late_stages, left_undone, unwatched
from batchspec.language.build import build
from batchspec.resources.links import life_wanted
from batchspec.source import Source

SPEC = """\
version: 1
name: work
pool: {id: nodes, vmSize: Standard_D2ds_v5, image: "canonical:ubuntu-24_04-lts:server", %s}
"""


@pytest.mark.parametrize(
    ("fields", "step"),
    [
        ("spot: 2, whenDone: zero", "scale it to 0 nodes"),
        ("spot: 2, whenDone: delete", "delete it"),
        ("autoscale: {max: 2}, whenDone: delete", "delete it"),
        ("spot: 2", None),
        ("autoscale: {max: 2}, whenDone: zero", None),  # the formula does it
    ],
)
def test_what_needs_a_client_at_the_end_is_said(fields: str, step: str | None) -> None:
    """With the command that does it later, and the field that does it without a client."""
    said = left_undone(build(parse(Source("work.yaml", SPEC % fields))))
    assert bool(said) == (step is not None)
    if step is not None:
        assert f"Run `batchspec apply work.yaml` then to {step}" in said
        assert said.endswith("or use `pool.autoscale` with `min: 0`")


def test_a_pool_of_somebody_else_is_no_concern() -> None:
    spec = build(parse(Source("work.yaml", "version: 1\nname: work\npool: {existing: nodes}\n")))
    assert left_undone(spec) == ""


def test_limits_of_failures_need_a_client() -> None:
    """Without one tasks start however many fail, and the way to watch is told."""
    text = SPEC % "spot: 2" + "safety: {maxFailures: 20%}\n"
    (said,) = unwatched(build(parse(Source("work.yaml", text))))
    assert said.startswith("with no client running, nothing carries out `safety.maxFailures`")


def test_other_vm_sizes_need_a_client() -> None:
    text = SPEC.replace("Standard_D2ds_v5", "[Standard_D2ds_v5, Standard_D2as_v5]") % "spot: 2"
    (said,) = unwatched(build(parse(Source("work.yaml", text))))
    assert said.startswith("with no client running, no other VM size is tried")


STAGES = """\
job: {id: work%s}
tasks:
  measure: {command: [sleep, "0"], output: measured.txt}
  encode: {files: {stats: {from: measure}}, command: [cat, "{{ files.stats.path }}"], output: encoded.txt}
"""


@pytest.mark.parametrize(
    ("bound", "is_said"),
    [
        ("", True),
        (", constraints: {maxWallClockTime: P3D}", False),
        (", constraints: {maxWallClockTime: P30D}", False),
    ],
)
def test_when_late_stages_would_fail_is_said(bound: str, is_said: bool) -> None:
    """Unless the job is over before: links of a long one that the account's key signs last as long as it does."""
    spec = build(parse(Source("work.yaml", SPEC % "spot: 2" + STAGES % bound)))
    said = list(late_stages(spec, life_wanted(spec.job)))
    assert bool(said) == is_said
    assert all("later stages that start after that fail" in text for text in said)
