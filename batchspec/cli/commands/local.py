"""`batchspec local`: the account on this machine, for people and for programs."""

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from batchspec.cli.door import confirm, put, put_object, say
from batchspec.cli.options import examples, format_option
from batchspec.cli.words import Choice
from batchspec.errors import RefusedError, UsageError
from batchspec.render.runs.local_account import (
    account_json,
    emptied_json,
    emptied_text,
    exports_text,
    megabytes,
    preempted_text,
    started_text,
    status_json,
    status_text,
    stopped_json,
    stopped_text,
    unusable_text,
    unused_json,
    unused_text,
)
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
    account = embedded.ensure(say)
    if form == "json":
        put_object(account_json(account))
    else:
        put(started_text(account))


@local.command(epilog=examples("batchspec local status", "batchspec local status --format json"))
@format_option
def status(form: str) -> None:
    """Show the account's state, addresses, pools and jobs."""
    account = embedded.configured()
    if account is None:
        _print_unused(form)
        return
    pools, jobs = _contents(account)
    size, engine = _size_bytes(account.home), _engine(account)
    if form == "json":
        put_object(status_json(account, pools, jobs, size, engine))
    else:
        put(status_text(account, pools, jobs, size, engine))


@local.command(epilog=examples('eval "$(batchspec local env)"', "az batch pool list"))
@format_option
def env(form: str) -> None:
    """Print the variables for az, an SDK or a script. Starts the account if needed."""
    variables = _variables(embedded.ensure(say))
    if form == "json":
        put_object(variables)
    else:
        put(exports_text(variables))


@local.command(epilog=examples("batchspec local down"))
@format_option
def down(form: str) -> None:
    """Stop the account. Jobs and blobs are kept; running tasks start again when it starts again."""
    was_running = embedded.stop()
    if form == "json":
        put_object(stopped_json(was_running))
    else:
        put(stopped_text(was_running))


@local.command(epilog=examples("batchspec local reset", "batchspec local reset --yes"))
@click.option("--yes", "--auto-approve", "approved", is_flag=True, help="Skip the confirmation.")
@format_option
def reset(approved: bool, form: str) -> None:
    """Stop the account and delete its pools, jobs, blobs and keys. The next start uses new ports."""
    home = embedded.home_path()
    size = _size_bytes(home)
    if not approved and home.is_dir():
        _ask(home, size)
    embedded.reset()
    if form == "json":
        put_object(emptied_json(size))
    else:
        put(emptied_text(size))


@local.command(epilog=examples("batchspec local status", "batchspec local preempt tvmps_3f2a"))
@click.argument("node")
def preempt(node: str) -> None:
    """Simulate eviction of a Spot node: its tasks are requeued.

    NODE is a node id or a unique prefix of one.
    """
    account = _running()
    from batchspec.service import local_control  # brings in azure

    local_control.preempt(account, node)
    put(preempted_text(node))


@local.command(epilog=examples("batchspec local status", "batchspec local fail-node tvmps_3f2a"))
@click.argument("node")
def fail_node(node: str) -> None:
    """Simulate a node failure. The node becomes unusable; its tasks are requeued.

    NODE is a node id or a unique prefix of one.
    """
    account = _running()
    from batchspec.service import local_control  # brings in azure

    local_control.fail_node(account, node)
    put(unusable_text(node))


def _running() -> LocalAccount:
    """The local account. Raises UsageError when it does not run: then it has no nodes."""
    account = embedded.find()
    if account is None:
        raise UsageError("the local account is not running, so it has no nodes", help="batchspec local up")
    return account


def _ask(home: Path, size: int) -> None:
    """Returns when the person types yes. Raises RefusedError otherwise."""
    say(f"all pools, jobs and blobs in {home} will be deleted ({megabytes(size)})")
    if not sys.stdin.isatty():
        raise RefusedError("reset must be confirmed, and this is not a terminal", help="pass --yes")
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


def _print_unused(form: str) -> None:
    if form == "json":
        put_object(unused_json(embedded.home_path()))
    else:
        put(unused_text())


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
