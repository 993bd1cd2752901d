"""`destroy --idle`: pools of which no node works go, unless somebody still needs them."""

from __future__ import annotations

import batchspec
from batchspec.desired.places import Places
from batchspec.engine.idle import Fate, IdlePool, find_idle, let_go
from batchspec.engine.run.progress.lock import locked
from main_job.workload import Workload, wait_until


def test_an_idle_pool_goes_when_nobody_needs_it(bare: Workload) -> None:
    """Not while a task waits for it, nor while an apply is at work; one with an identity stays without nodes."""
    bare.write_copies()
    bare.apply()
    with batchspec.Workload.load(bare.spec) as workload:
        account = workload.account

        def ours() -> IdlePool:
            return next(idle for idle in find_idle(account) if idle.pool.id == bare.pool_id)

        first = ours()
        assert (first.spec, first.fate, first.pool.nodes) == (bare.name, Fate.DELETE, {"idle": 2})
        refused = bare.command("destroy", "--idle", code=4)
        assert (
            f"  - pool {bare.pool_id} of {bare.name}: 2 nodes of standard_d2ds_v5, 2 of them Spot"
            in refused.out
        )

        other = f"{bare.job_id}-of-others"
        stamps = {"batchspec.spec": other, "batchspec.containers": " ".join(workload.spec.containers)}
        metadata = [{"name": name, "value": value} for name, value in stamps.items()]
        bare.batch("POST", "/jobs", {"id": other, "poolInfo": {"poolId": bare.pool_id}, "metadata": metadata})
        with locked(account, Places.of(workload.spec)._replace(name=other)):  # its tasks are yet to be added
            assert (ours().fate, f"an apply of {other} is running: " in ours().why) == (Fate.KEEP, True)
            (kept,) = let_go(account, [first])
            assert (kept.fate, "is running" in kept.why) == (Fate.KEEP, True)
        bare.batch("POST", f"/jobs/{other}/disable", {"disableTasks": "wait"})
        bare.batch("POST", f"/jobs/{other}/tasks", {"id": "one", "commandLine": "/bin/true"})
        yet_to_end = f"1 task in job {other} yet to end"
        assert (ours().fate, ours().why) == (Fate.KEEP, yet_to_end)
        bare.spec.write_text(
            bare.spec.read_text("utf-8").replace("pool:\n", "pool:\n  whenDone: delete\n"), "utf-8"
        )
        again = bare.apply("--rerun", "copy")
        assert f"pool {bare.pool_id} is kept: {yet_to_end}" in again.err
        assert f"still there pool {bare.pool_id}" in again.out
        refused = bare.command("destroy", "specs/ffmpeg.yaml", code=4)
        assert (
            f"  - pool {bare.pool_id}, with its nodes\n      ! others need it: {yet_to_end}\n" in refused.out
        )
        assert bare.actions() == []  # nor is it for the next plan to put away
        bare.batch("DELETE", f"/jobs/{other}")

        with locked(account, Places.of(workload.spec)):
            assert (ours().fate, f"an apply of {bare.name} is running: " in ours().why) == (Fate.KEEP, True)
            (kept,) = let_go(account, [first])
            assert (kept.fate, "is running" in kept.why) == (Fate.KEEP, True)

        bare.batch(
            "POST", f"/_local/pools/{bare.pool_id}/identity", {"resourceIds": ["/subscriptions/1/of/nodes"]}
        )
        assert [idle.fate for idle in let_go(account, [ours()])] == [Fate.ZERO]
        wait_until(lambda: all(idle.pool.id != bare.pool_id for idle in find_idle(account)))
        assert (bare.pool() or {})["targetLowPriorityNodes"] == 0
        (gone,) = let_go(account, [first])
        assert (gone.fate, gone.why) == (Fate.KEEP, "it is idle no longer")

        bare.batch("POST", f"/_local/pools/{bare.pool_id}/identity", {"resourceIds": []})
        bare.batch(
            "POST", f"/pools/{bare.pool_id}/resize", {"targetDedicatedNodes": 1, "targetLowPriorityNodes": 0}
        )
        wait_until(lambda: any(idle.pool.id == bare.pool_id for idle in find_idle(account)))
        assert [idle.fate for idle in let_go(account, [ours()])] == [Fate.DELETE]
    assert (bare.pool() or {"state": "deleting"})["state"] == "deleting"
    assert bare.actions() == []  # the outputs are the record of the work
