"""What happens to nodes: they boot, run their start task, take tasks, are disturbed, leave, or are lost."""

import functools
import secrets
from typing import Any

from batchspec.emulator.life.account import applications, containers, rehearsal
from batchspec.emulator.life.account import node_folders as nodes
from batchspec.emulator.life.account.account import Account
from batchspec.emulator.life.account.model import Body, Node, Pool, Running
from batchspec.emulator.life.pools import agent_log, tries
from batchspec.emulator.life.pools.allocation import settle
from batchspec.emulator.life.pools.endpoints import endpoints
from batchspec.emulator.life.pools.prepared import node_emptied, node_rebooted
from batchspec.emulator.node.process import Failure, Outcome, Run
from batchspec.emulator.state.clock import FOREVER_TEXT, TICKS_PER_S, parse_duration, time_text
from batchspec.emulator.state.errors import ApiError

AGENT_VERSION = "1.12.39"
_RECENT = 10


def add(account: Account, pool: Pool, dedicated: bool) -> None:
    node_id = f"tvmps_{secrets.token_hex(32)}_{'d' if dedicated else 'p'}"
    now = time_text(account.clock.now())
    doc = {
        "id": node_id,
        "state": "creating",
        "schedulingState": "enabled",
        "stateTransitionTime": now,
        "allocationTime": now,
        "ipAddress": "127.0.0.1",
        "affinityId": f"TVM:{node_id}",
        "vmSize": pool.doc["vmSize"],
        "totalTasksRun": 0,
        "totalTasksSucceeded": 0,
        "isDedicated": dedicated,
        **endpoints(pool),
        "virtualMachineInfo": _machine_info(pool),
    }
    node = Node(doc, pool)
    account.save_node(node)
    pool.nodes[node_id] = node
    account.loop.later(account.settings.speed.node_create, functools.partial(boot, account, node, node.epoch))


def _machine_info(pool: Pool) -> Body:
    image = pool.doc.get("virtualMachineConfiguration", {}).get("imageReference", {})
    return {"imageReference": {**image, "exactVersion": image["version"]} if "version" in image else image}


def set_state(account: Account, node: Node, state: str) -> None:
    agent_log.note(account, node, f"the node is {state}")
    node.doc["state"], node.doc["stateTransitionTime"] = state, time_text(account.clock.now())
    account.save_node(node)


def boot(account: Account, node: Node, epoch: int) -> None:
    """Creating or rebooting is over: the node starts."""
    if epoch != node.epoch:
        return
    again = functools.partial(boot, account, node, epoch)
    if node.state == "creating" and rehearsal.holds_node(account, node, "creating", again):
        return
    nodes.make_folders(account, node)
    set_state(account, node, "starting")
    account.loop.later(account.settings.speed.node_start, functools.partial(_booted, account, node, epoch))


def _booted(account: Account, node: Node, epoch: int) -> None:
    again = functools.partial(_booted, account, node, epoch)
    if epoch != node.epoch or rehearsal.holds_node(account, node, "starting", again):
        return
    now = time_text(account.clock.now())
    if node.leaving != "remove":
        node.leaving = ""  # it is back; a start task that fails now does not keep it from the next reboot
    node.doc["lastBootTime"] = now
    node.doc["nodeAgentInfo"] = {"lastUpdateTime": now, "version": AGENT_VERSION}
    for name in ("startTask", "startTaskInfo", "errors"):
        node.doc.pop(name, None)
    node.packages = list(node.pool.doc.get("applicationPackageReferences", []))
    if node.packages or containers.prefetched(account, node):
        run = Run()
        fetch = functools.partial(_bring_in, account, node, run)
        account.loop.perform(fetch, run, functools.partial(_provided, account, node, epoch))
    else:
        _provided(account, node, epoch, None)


def _bring_in(account: Account, node: Node, run: Run) -> Failure | None:
    return applications.bring_in(account, node, run) or containers.bring_in(account, node, run)


def _provided(account: Account, node: Node, epoch: int, failure: Failure | None) -> None:
    """The node has what its pool promises; or it is of no use."""
    if epoch != node.epoch:
        return
    if failure is not None:
        node.doc["errors"] = [_node_error(failure.code, failure.message, failure)]
        set_state(account, node, "unusable")
        return
    now = time_text(account.clock.now())
    start_task = node.pool.doc.get("startTask")
    if start_task is None:
        _ready(account, node)
        return
    node.doc["startTask"] = start_task
    node.doc["startTaskInfo"] = {"state": "running", "startTime": now, "retryCount": 0}
    if start_task["waitForSuccess"]:
        set_state(account, node, "waitingforstarttask")
    else:
        _ready(account, node)
    _run_start_task(account, node, epoch, fresh=True)


def _ready(account: Account, node: Node) -> None:
    set_state(account, node, "offline" if node.doc["schedulingState"] == "disabled" else "idle")
    account.loop.wake()


def _run_start_task(account: Account, node: Node, epoch: int, *, fresh: bool) -> None:
    work = tries.start_task(account, node, fresh=fresh)
    node.start_run = Run()
    agent_log.note(account, node, f"the start task begins: {work.command_line}")
    account.submit(work, node.start_run, functools.partial(_start_task_ended, account, node, epoch))


def _start_task_ended(account: Account, node: Node, epoch: int, outcome: Outcome) -> None:
    node.start_run = None
    if epoch != node.epoch or outcome.stopped:
        return
    agent_log.note(account, node, f"the start task has ended: {_ending(outcome.exit_code, outcome.failure)}")
    task, info = node.doc["startTask"], node.doc["startTaskInfo"]
    now = time_text(account.clock.now())
    if outcome.exit_code and tries.may_retry(task["maxTaskRetryCount"], info["retryCount"]):
        info["retryCount"] += 1
        info["lastRetryTime"] = now
        _run_start_task(account, node, epoch, fresh=False)
        return
    info.update(result_of(outcome), state="completed", endTime=now)
    if outcome.failure is None or not task["waitForSuccess"]:
        if node.state == "waitingforstarttask":
            _ready(account, node)
        account.save_node(node)
        return
    node.doc["errors"] = [
        _node_error("StartTaskFailed", "The start task failed on the node", outcome.failure)
    ]
    set_state(account, node, "starttaskfailed")


def _ending(exit_code: int | None, failure: Failure | None) -> str:
    """How a try ended, for the log."""
    code = "no exit code" if exit_code is None else f"exit code {exit_code}"
    return f"{code}, {failure.code}: {failure.message}" if failure else code


def _node_error(code: str, message: str, failure: Failure) -> Body:
    details = [{"name": name, "value": value} for name, value in failure.details]
    return {"code": code, "message": message, "errorDetails": details}


def result_of(outcome: Outcome) -> Body:
    """exitCode, result and failureInfo, as far as there are any."""
    found: Body = {"result": "failure" if outcome.failure else "success"}
    if outcome.exit_code is not None:
        found["exitCode"] = outcome.exit_code
    if outcome.failure:
        found["failureInfo"] = outcome.failure.as_json()
    return found


def leave(account: Account, node: Node, option: str) -> None:
    """The node takes no more tasks and goes, at once or when its tasks are done (`taskcompletion`, `retaineddata`)."""
    node.leaving = "remove"
    stop_tasks(node, option)
    if not node.tasks:
        _go(account, node)


def stop_tasks(node: Node, option: str, *, start_task: bool = True) -> None:
    """What a disturbed node does with its tasks: requeue, terminate, or wait for them."""
    if option in ("requeue", "terminate", "recover"):
        for running in list(node.tasks.values()):
            running.run.stop(option)
    if start_task and node.start_run:
        node.start_run.stop("leave")
    if start_task and option in ("requeue", "terminate", "recover"):
        for run in list(node.job_runs):
            run.stop("leave")


def task_left(account: Account, node: Node) -> None:
    """A task is off the node: what waited for it goes on."""
    refresh_state(account, node)
    if node.tasks:
        return
    if node.leaving == "remove":
        _go(account, node)
    elif node.leaving:
        account.loop.later(0, functools.partial(_disturbed, account, node, node.leaving))


def refresh_state(account: Account, node: Node) -> None:
    """Idle or running, by what is on it; offline when it is disabled and drained."""
    if node.leaving or node.state not in ("idle", "running", "offline"):
        return
    disabled = node.doc["schedulingState"] == "disabled"
    state = "running" if node.tasks else ("offline" if disabled else "idle")
    if state != node.state:
        node.doc["state"], node.doc["stateTransitionTime"] = state, time_text(account.clock.now())


def _go(account: Account, node: Node) -> None:
    node.epoch += 1
    set_state(account, node, "leavingpool")
    account.loop.later(account.settings.speed.node_leave, functools.partial(_gone, account, node))


def _gone(account: Account, node: Node) -> None:
    node.pool.nodes.pop(node.id, None)
    account.store.remove("node", node.key)
    nodes.discard(account, nodes.root(account, node))
    agent_log.forget(account, node)
    settle(account, node.pool)


# --- reboot, reimage, deallocate


def disturb(account: Account, node: Node, how: str, option: str) -> None:
    """*how* is reboot, reimage or deallocate; it happens when the node's tasks are dealt with."""
    node.leaving = how
    stop_tasks(node, option)
    if not node.tasks:
        _disturbed(account, node, how)


def _disturbed(account: Account, node: Node, how: str) -> None:
    if node.leaving != how or node.tasks:
        return
    node.epoch += 1
    set_state(
        account, node, {"reboot": "rebooting", "reimage": "reimaging", "deallocate": "deallocating"}[how]
    )
    done = functools.partial(_deallocated if how == "deallocate" else boot, account, node, node.epoch)
    if how == "reimage":
        _empty(account, node)
    else:
        node_rebooted(account, node)
    account.loop.later(account.settings.speed.node_reboot, done)


def _empty(account: Account, node: Node) -> None:
    """A fresh disk: no folder, nothing prepared."""
    nodes.discard(account, nodes.root(account, node))
    node_emptied(account, node)


def _deallocated(account: Account, node: Node, epoch: int) -> None:
    if epoch == node.epoch:
        set_state(account, node, "deallocated")


# --- what a node runs


def limit(account: Account, run: Run, duration: str) -> None:
    """The try is stopped when its time is over."""
    if duration != FOREVER_TEXT:
        account.loop.later(parse_duration(duration) / TICKS_PER_S, functools.partial(run.stop, "timeout"))


# --- what a node remembers of its tasks


def note_task(account: Account, running: Running, exit_code: int | None, failure: Failure | None) -> None:
    node, now = running.node, account.clock.now()
    node.doc["totalTasksRun"] += 1
    node.doc["totalTasksSucceeded"] += failure is None
    info: dict[str, Any] = {"startTime": time_text(running.start_time), "endTime": time_text(now)}
    info |= result_of(Outcome(0, 0, exit_code, failure))
    info |= {"retryCount": running.retries, "requeueCount": running.row.requeues}
    job, task = running.job.id, running.row.id
    agent_log.note(account, node, f"task {job}/{task} has ended: {_ending(exit_code, failure)}")
    entry = {
        "taskUrl": f"{account.endpoint}/jobs/{job}/tasks/{task}",
        "jobId": job,
        "taskId": task,
        "taskState": "completed",
        "executionInfo": info,
    }
    node.doc["recentTasks"] = [entry, *node.doc.get("recentTasks", [])][:_RECENT]
    account.save_node(node)


# --- what nobody asked for


def preempt(account: Account, node: Node) -> None:
    """A Spot node is taken away: its tasks run elsewhere, its folder is lost, it comes back under its id later."""
    if node.doc["isDedicated"]:
        raise ApiError("OperationNotValidOnNode", ("Reason", "Only Spot nodes are preempted"))
    _lose(account, node, "preempted")
    back = functools.partial(_replace, account, node, node.epoch)
    account.loop.later(account.settings.speed.node_create, back)


def fail(account: Account, node: Node, error: Body | None = None) -> None:
    """The node is dead: `unusable` until it is rebooted, reimaged or removed; *error* is what it says of it."""
    if error is not None:
        node.doc["errors"] = [error]
    _lose(account, node, "unusable")


def _lose(account: Account, node: Node, state: str) -> None:
    node.epoch += 1
    set_state(account, node, state)
    node.doc.pop("recentTasks", None)
    stop_tasks(node, "recover")


def _replace(account: Account, node: Node, epoch: int) -> None:
    if epoch != node.epoch:
        return
    if node.tasks:  # the last of its processes is just being killed
        account.loop.later(0.01, functools.partial(_replace, account, node, epoch))
        return
    _empty(account, node)
    set_state(account, node, "creating")
    account.loop.later(account.settings.speed.node_create, functools.partial(boot, account, node, epoch))
