"""Which nodes are prepared for a job: what its preparation task has done there, and what a boot does to that."""

from batchspec.emulator.life.account.account import Account
from batchspec.emulator.life.account.model import Body, Job, Node

PREPARATION = "jobPreparationTaskExecutionInfo"
RELEASE = "jobReleaseTaskExecutionInfo"
_AGAIN = "_again"  # beside the two: the node has booted since, and the preparation task is to run once more


def is_prepared(job: Job, node: Node) -> bool:
    """Tasks of the job may begin on the node at once."""
    if "jobPreparationTask" not in job.doc:
        return True
    infos = job.nodes.get(node.key, {})
    return _AGAIN not in infos and PREPARATION in infos and is_good(job, infos[PREPARATION])


def is_out(job: Job, node: Node) -> bool:
    """The preparation task failed there: the node takes no task of the job until it is reimaged.

    Source: BatchJobPreparationTask, Batch REST API 2025-06-01.
    """
    info = job.nodes.get(node.key, {}).get(PREPARATION)
    return info is not None and info["state"] == "completed" and not is_good(job, info)


def is_good(job: Job, info: Body) -> bool:
    if info["state"] != "completed":
        return False
    return bool(info["result"] == "success" or not job.doc["jobPreparationTask"]["waitForSuccess"])


def node_rebooted(account: Account, node: Node) -> None:
    """Preparation tasks that want it are to run again, before the next task of their job there."""
    for job in account.jobs.values():
        infos = job.nodes.get(node.key, {})
        if PREPARATION not in infos or is_out(job, node):
            continue
        if job.doc["jobPreparationTask"]["rerunOnNodeRebootAfterSuccess"]:
            infos[_AGAIN] = True
            account.save_job(job)


def node_emptied(account: Account, node: Node) -> None:
    """The node was reimaged or replaced: nothing is left there of what jobs prepared, and none is kept out."""
    for job in account.jobs.values():
        if job.nodes.pop(node.key, None) is not None:
            job.maybe_ready = True
            account.save_job(job)
