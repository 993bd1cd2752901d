"""`batchspec local`: the account on this machine, for people and for programs."""

import os
import shlex
import sys
from collections.abc import Iterable
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from batchspec.cli.door import confirm, put_object, say
from batchspec.cli.options import examples, format_option
from batchspec.cli.words import Choice
from batchspec.errors import RefusedError, UsageError
from batchspec.service import embedded
from batchspec.service.embedded import LocalAccount

if TYPE_CHECKING:
    from batchspec.service.local_control import Job, Pool


@click.group(epilog=examples("batchspec local up", "batchspec apply specs/ffmpeg.yaml"))
def local() -> None:
    """Manage the local account: Azure Batch and Blob Storage on this machine.

    It starts when a command needs it and stops after ten idle minutes. Tasks run as processes of
    yours: it is not a sandbox.
    """


@local.command(epilog=examples("batchspec local up", "batchspec local up --containers=host"))
@click.option(
    "--containers",
    type=Choice(["engine", "host"]),
    help="Run tasks with containerSettings by podman or docker (engine, the default), or without a container on this "
    "machine (host). Remembered; the account is restarted if this changes.",
)
@format_option
def up(containers: str | None, form: str) -> None:
    """Start the local account."""
    if containers:
        embedded.require_extra()
        embedded.choose_containers(containers)
    account = embedded.ensure(_progress)
    if form == "json":
        _print_json(_described(account))
    else:
        lines = [_containers_line("host")] if account.containers == "host" else []
        _print_lines(["the local account is running", *_places(account), *lines])


@local.command(epilog=examples("batchspec local status", "batchspec local status --format json"))
@format_option
def status(form: str) -> None:
    """Show whether it is running, its addresses, and its pools and jobs."""
    account = embedded.configured()
    if account is None:
        _print_unused(form)
        return
    pools, jobs = _contents(account)
    size, engine = _size_bytes(account.home), _engine(account)
    if form == "json":
        held = {"pools": [asdict(pool) for pool in pools], "jobs": [asdict(job) for job in jobs]}
        _print_json(_described(account) | held | {"diskBytes": size, "containers": engine})
    else:
        lines = [_containers_line(engine)] if engine is not None else []
        lines += _held(pools, jobs) if account.pid else []
        _print_lines([_state(account), *_places(account), f"  disk     {_megabytes(size)}", *lines])


@local.command(epilog=examples('eval "$(batchspec local env)"', "az batch pool list"))
@format_option
def env(form: str) -> None:
    """Print the variables with which az, an SDK or a script can use it. Starts it if needed."""
    variables = _variables(embedded.ensure(_progress))
    if form == "json":
        _print_json(variables)
    else:
        _print_lines(f"export {name}={shlex.quote(value)}" for name, value in variables.items())


@local.command(epilog=examples("batchspec local down"))
@format_option
def down(form: str) -> None:
    """Stop it. Jobs and blobs are kept; running tasks start again with the next start."""
    was_running = embedded.stop()
    if form == "json":
        _print_json({"state": "stopped", "wasRunning": was_running})
    else:
        say("the local account is stopped" if was_running else "the local account was not running", err=False)


@local.command(epilog=examples("batchspec local reset", "batchspec local reset --yes"))
@click.option("--yes", "--auto-approve", "approved", is_flag=True, help="Skip the confirmation.")
@format_option
def reset(approved: bool, form: str) -> None:
    """Stop it and delete all of its pools, jobs, blobs and keys. The next start uses new ports."""
    home = embedded.home_path()
    size = _size_bytes(home)
    if not approved and home.is_dir():
        _ask(home, size)
    embedded.reset()
    if form == "json":
        _print_json({"state": "stopped", "freedBytes": size})
    else:
        say(f"the local account is empty ({_megabytes(size)} freed)", err=False)


@local.command(epilog=examples("batchspec local status", "batchspec local preempt tvmps_3f2a"))
@click.argument("node")
def preempt(node: str) -> None:
    """Simulate eviction of a Spot node: its tasks are requeued.

    NODE is a node id or a unique prefix of one.
    """
    account = _running()
    from batchspec.service import local_control  # brings in azure

    local_control.preempt(account, node)
    say(f"node {node} is preempted", err=False)


@local.command(epilog=examples("batchspec local status", "batchspec local fail-node tvmps_3f2a"))
@click.argument("node")
def fail_node(node: str) -> None:
    """Simulate a node failure: the node becomes unusable and its tasks are requeued.

    NODE is a node id or a unique prefix of one.
    """
    account = _running()
    from batchspec.service import local_control  # brings in azure

    local_control.fail_node(account, node)
    say(f"node {node} is unusable", err=False)


def _running() -> LocalAccount:
    """The local account. Raises UsageError when it does not run: then it has no nodes."""
    account = embedded.find()
    if account is None:
        raise UsageError("the local account is not running, so it has no nodes", help="batchspec local up")
    return account


def _ask(home: Path, size: int) -> None:
    """Returns when the person types yes. Raises RefusedError otherwise."""
    say(f"all pools, jobs and blobs in {home} will be deleted ({_megabytes(size)})")
    if not sys.stdin.isatty():
        raise RefusedError("resetting needs a confirmation, and this is not a terminal", help="pass --yes")
    if not confirm('This cannot be undone. Type "yes" to delete:', approved=False):
        raise RefusedError('nothing was deleted: the answer was not "yes"')


def _contents(account: LocalAccount) -> tuple[list["Pool"], list["Job"]]:
    """Pools and jobs; none where the account does not run."""
    if not account.pid:
        return [], []
    from batchspec.service import local_control  # brings in azure

    return local_control.read(account)


def _engine(account: LocalAccount) -> str | None:
    """What runs containers there, or nothing does (empty); None where it is not known, since the account is stopped."""
    if not account.pid:
        return "host" if account.containers == "host" else None
    from batchspec.service import local_control  # brings in azure

    return local_control.engine_of(account)


def _containers_line(engine: str) -> str:
    said = {"host": "none: containers run on this machine itself (--containers=host)", "": "none"}
    return f"  engine   {said.get(engine, engine)}"


def _progress(message: str) -> None:
    say(message)


def _print_json(value: dict[str, Any]) -> None:
    put_object(value)


def _print_lines(lines: Iterable[str]) -> None:
    for line in lines:
        say(line, err=False)


def _print_unused(form: str) -> None:
    if form == "json":
        _print_json({"state": "stopped", "home": str(embedded.home_path())})
    else:
        say("stopped; it has not been used yet", err=False)


def _state(account: LocalAccount) -> str:
    return "running" if account.pid else "stopped"


def _described(account: LocalAccount) -> dict[str, Any]:
    return {
        "state": _state(account),
        "pid": account.pid or None,
        "home": str(account.home),
        "batch": {"endpoint": account.batch_endpoint, "account": account.batch_account},
        "storage": {
            "endpoint": account.blob_endpoint,
            "account": account.storage_account,
            **_restarts(account),
        },
    }


def _restarts(account: LocalAccount) -> dict[str, Any]:
    """How often Azurite was started again in this life of the account, and how it had ended the last time."""
    run = account.run
    if run is None or not run.restarts:
        return {"restarts": 0}
    at = datetime.fromtimestamp(run.restarted, UTC).isoformat(timespec="seconds")
    return {"restarts": run.restarts, "restarted": at, "ended": run.ended}


def _places(account: LocalAccount) -> list[str]:
    lines = [
        f"  batch    {account.batch_endpoint}  account {account.batch_account}",
        f"  blobs    {account.blob_endpoint}  account {account.storage_account}",
        f"  home     {account.home}",
    ]
    if account.pid:
        lines.append(f"  process  {account.pid}")
    if account.run is not None and account.run.restarts:
        times = "once" if account.run.restarts == 1 else f"{account.run.restarts} times"
        last = datetime.fromtimestamp(account.run.restarted).astimezone().strftime("%H:%M:%S")
        lines.append(
            f"  azurite  ended unexpectedly ({account.run.ended}); restarted {times}, last at {last}"
        )
    return lines


def _held(pools: list["Pool"], jobs: list["Job"]) -> list[str]:
    return [
        f"  pools    {len(pools)}",
        *(line for pool in pools for line in _pool_lines(pool)),
        f"  jobs     {len(jobs)}",
        *(f"    {job.id}  {job.state}" for job in jobs),
    ]


def _pool_lines(pool: "Pool") -> list[str]:
    kinds = {True: "Spot", False: "dedicated"}
    nodes = [f"      {node.id}  {node.state}  {kinds[node.spot]}" for node in pool.nodes]
    return [f"    {pool.id}  {pool.state}  nodes: {len(pool.nodes)}", *nodes]


def _variables(account: LocalAccount) -> dict[str, str]:
    """Under the names that Azure's own tools use."""
    return {
        "AZURE_BATCH_ACCOUNT": account.batch_account,
        "AZURE_BATCH_ENDPOINT": account.batch_endpoint,
        "AZURE_BATCH_ACCESS_KEY": account.batch_key,
        "AZURE_STORAGE_CONNECTION_STRING": account.connection_string,
    }


def _size_bytes(folder: Path) -> int:
    """What the files below *folder* take; one that goes away meanwhile counts nothing."""
    return sum(_file_size(Path(place) / name) for place, _, names in os.walk(folder) for name in names)


def _file_size(path: Path) -> int:
    try:
        return path.lstat().st_size
    except OSError:
        return 0


def _megabytes(size: int) -> str:
    return f"{size / 1e6:.1f} MB"
