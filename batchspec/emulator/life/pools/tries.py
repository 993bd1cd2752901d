"""What a try of a task consists of, whatever kind of task it is: its folder, environment, files and container."""

from pathlib import Path

from batchspec.emulator.life.account import applications
from batchspec.emulator.life.account import node_folders as nodes
from batchspec.emulator.life.account.account import Account
from batchspec.emulator.life.account.containers import container_of
from batchspec.emulator.life.account.model import Body, Job, Node
from batchspec.emulator.node.process import Assignment


def may_retry(most: int, retries: int) -> bool:
    """Whether a task that was retried *retries* times is tried again; a *most* of -1 sets no limit."""
    return most < 0 or retries < most


def start_task(account: Account, node: Node, *, fresh: bool) -> Assignment:
    folder = nodes.root(account, node) / "startup"
    return _work(account, node, node.doc["startTask"], folder, fresh=fresh)


def job_task(account: Account, job: Job, node: Node, task: Body, *, fresh: bool) -> Assignment:
    """A preparation or release task."""
    folder = nodes.root(account, node) / nodes.task_folder(job, task["id"])
    return _work(account, node, task, folder, job, task["id"], fresh=fresh)


def task(
    account: Account, job: Job, node: Node, task_id: str, body: Body, *, fresh: bool, last_try: bool
) -> Assignment:
    folder = nodes.root(account, node) / nodes.task_folder(job, task_id)
    return _work(account, node, body, folder, job, task_id, fresh=fresh, last_try=last_try, is_task=True)


def _work(
    account: Account,
    node: Node,
    body: Body,
    folder: Path,
    job: Job | None = None,
    task_id: str = "",
    *,
    fresh: bool,
    last_try: bool = True,
    is_task: bool = False,
) -> Assignment:
    common = job.doc.get("commonEnvironmentSettings", []) if job is not None else []
    settings = [*common, *body.get("environmentSettings", [])]
    packages = applications.packages(account, node, body.get("applicationPackageReferences", []))
    all_packages = [*applications.packages(account, node, node.packages), *packages]
    return Assignment(
        folder=folder,
        command_line=body["commandLine"],
        environment={
            **applications.variables(all_packages),
            **nodes.environment(account, node, folder, settings, job, task_id),
        },
        packages=packages,
        resource_files=nodes.resource_files(account, body.get("resourceFiles", [])),
        output_files=nodes.output_files(account, body.get("outputFiles", [])),
        last_try=last_try,
        fresh=fresh,
        container=container_of(account, node, body, folder, job, required=is_task),
    )
