"""A raw autoscale formula: Batch evaluates it before it is applied to a pool that scales itself."""

import pytest
from main_job.workload import Workload

import batchspec


@pytest.fixture(autouse=True)
def _here(work: Workload, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(work.folder)
    monkeypatch.setenv("XDG_CACHE_HOME", str(work.folder / ".cache"))


def said(work: Workload) -> list[tuple[str, str, str]]:
    """The findings about the formula, and what was not checked of it."""
    plan = batchspec.Workload.load("specs/ffmpeg.yaml").plan().plan
    found = [
        (f.code, f.severity.value, f.label) for f in plan.findings if f.path == ("pool", "autoScaleFormula")
    ]
    return found + [("", "", what) for what in plan.not_checked if what.startswith("autoscale formula")]


def test_a_formula_is_evaluated_once_the_pool_scales_itself(work: Workload) -> None:
    """Before that it is listed as not checked. A pool that scales itself is left to its formula after the run."""
    good, fails = "'$TargetDedicatedNodes = 1;'", "'$TargetDedicatedNodes = $NoSuchMetric.GetSample(1);'"
    fields = f"enableAutoScale: true\n  autoScaleFormula: {good}\n  whenDone: zero"
    work.edit("targetLowPriorityNodes: 2", fields)
    assert [what for _, _, what in said(work)] == [
        "autoscale formula: Batch evaluates it only once the pool exists and scales itself"
    ]
    ended = work.apply()
    assert "is scaled by its autoscale formula, after the run too (whenDone: zero adds nothing)" in ended.out
    assert "clean up" not in ended.said
    work.edit(good, fails)
    ((code, severity, label),) = said(work)
    assert (code, severity) == ("BS0717", "warning")
    assert "NoSuchMetric" in label
    work.edit(fails, "'$TargetDedicatedNodes = 2;'")
    assert said(work) == []
