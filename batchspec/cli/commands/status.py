"""`batchspec status`: how the workload stands now."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import click

from batchspec.cli.door import is_live, put_object, put_painted, say
from batchspec.cli.options import (
    environment_options,
    examples,
    format_option,
    load,
    prices_option,
    spec_argument,
)
from batchspec.cli.verbose import is_listening
from batchspec.workload.reading import Environment

if TYPE_CHECKING:
    from batchspec.engine.health.status import Status
    from batchspec.workload.workload import Workload


@click.command(
    epilog=examples(
        "batchspec status specs/ffmpeg.yaml",
        "batchspec status --watch specs/ffmpeg.yaml",
        "batchspec status --failed --group audio specs/ffmpeg.yaml",
    )
)
@spec_argument
@environment_options
@format_option
@click.option("--watch", is_flag=True, help="Refresh until no task is running or the run is stuck.")
@click.option("--tasks", "lists", is_flag=True, help="List the tasks, each with its state.")
@click.option("--failed", is_flag=True, help="List only failed tasks.")
@click.option("--group", metavar="NAME", help="List only the tasks of this group.")
@prices_option
def status(
    spec_file: Path,
    environment: Environment,
    form: str,
    watch: bool,
    lists: bool,
    failed: bool,
    group: str | None,
    prices: str | None,
) -> None:
    """Show the pool, the job and the tasks of a spec as they are now. Reads only.

    STUCK(reason) says why no task can run, DEGRADED(reason) what slows the run down. In JSON they
    are the fields `stuck` (empty otherwise) and `degraded`; listed tasks are objects of their own, whose
    states are Batch's, where `active` is waiting; or `not run` or `cancelled` with their job.
    """
    workload = load(spec_file, environment, prices=prices)
    live = watch and form == "text" and is_live(sys.stdout) and is_live(sys.stderr) and not is_listening()
    while True:
        if live:
            _look_on(workload)
        now = workload.status()
        if live and now.is_at_work:
            continue  # the first tasks have just been added
        is_listing = lists or failed or bool(group)
        _show(now, form, lists_tasks=is_listing)
        if is_listing:
            _list(workload, group, failed, form)
        if not watch or not now.is_at_work:
            return
        time.sleep(workload.account.offer.pace.status_s)


def _look_on(workload: Workload) -> None:
    """Shows how the tasks stand for as long as any is at work."""
    from batchspec.cli.live import shown
    from batchspec.engine.health.onlooker import Onlooker
    from batchspec.render.runs.status import head_lines
    from batchspec.render.watching.board import Board
    from batchspec.render.watching.standing import stand

    account = workload.account
    onlooker = Onlooker(account, workload.spec)
    if not onlooker.status.is_at_work:
        return
    board = Board(list(head_lines(onlooker.status)))
    with shown(board):
        while True:
            situation = onlooker.look()
            stand(board, onlooker.status, situation, time.monotonic())
            if not onlooker.status.is_at_work:
                break
            time.sleep(account.offer.pace.status_s)
        board.head, board.notes = [], []  # what is printed next says it all


def _show(now: Status, form: str, *, lists_tasks: bool) -> None:
    from batchspec.render.paint import status_painted
    from batchspec.render.plans.as_json import status_json
    from batchspec.render.runs.status import status_text

    if form == "json":
        put_object(status_json(now))
    else:
        put_painted(status_text(now, names_failed=not lists_tasks), status_painted, wraps=True)


def _list(workload: Workload, group: str | None, failed: bool, form: str) -> None:
    from batchspec.engine.health.status import read_tasks
    from batchspec.render.plans.as_json import task_status_json
    from batchspec.render.runs.status import task_line

    for task in read_tasks(workload.account, workload.spec, group, failed=failed):
        if form == "json":
            put_object(task_status_json(task))
        else:
            say(task_line(task), err=False)
