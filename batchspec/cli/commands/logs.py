"""`batchspec logs`: what a task said, also after its node is gone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

import click

from batchspec.cli.door import put, put_object, say
from batchspec.cli.options import (
    environment_options,
    examples,
    format_option,
    load,
    spec_option,
)
from batchspec.cli.words import Choice
from batchspec.secrecy import without_secrets
from batchspec.workload.reading import Environment

if TYPE_CHECKING:
    from batchspec.engine.ran import Ran
    from batchspec.language.model import Spec
    from batchspec.service.connect import Account

_FAILED = 20
"""How many failed tasks are shown at once: the others have mostly failed for the same reasons."""


@click.command(
    epilog=examples(
        "batchspec logs audio/LowPriVMs-1.mp4 --spec specs/ffmpeg.yaml",
        "batchspec logs audio/LowPriVMs-1.mp4 --spec specs/ffmpeg.yaml --follow --stream stderr",
        "batchspec logs --failed --tail 20 --spec specs/ffmpeg.yaml",
        "batchspec logs LowPriVMs-1.mp4 --spec specs/ffmpeg.yaml --file out/encoder.log",
        "batchspec logs --start-task --spec specs/ffmpeg.yaml",
        "batchspec logs LowPriVMs-1.mp4 --spec specs/ffmpeg.yaml --format json | jq -r .stdout",
    )
)
@click.argument("task", required=False)
@spec_option("The spec that the task belongs to.")
@click.option("--failed", is_flag=True, help=f"Print the logs of the failed tasks, {_FAILED} at most.")
@click.option(
    "--start-task",
    "node",
    is_flag=False,
    flag_value="",
    metavar="[NODE]",
    help="Print the output of a node's start task. NODE is a node id or a unique prefix of one; "
    "default: a node whose start task failed, or any.",
)
@click.option(
    "--stream",
    type=Choice(["stdout", "stderr", "both"]),
    default="both",
    show_default=True,
    help="Stream to print.",
)
@click.option(
    "--file",
    metavar="PATH",
    help="Print this file instead, relative to the task's working directory (out/x.log). Only while the node exists.",
)
@click.option("-f", "--follow", is_flag=True, help="Print new lines as they come until the task has ended.")
@click.option("--tail", type=click.IntRange(min=0), metavar="N", help="Print only the last N lines of each.")
@environment_options
@format_option
def logs(
    task: str | None,
    spec_file: Path,
    environment: Environment,
    failed: bool,
    node: str | None,
    stream: str,
    file: str | None,
    follow: bool,
    tail: int | None,
    form: str,
) -> None:
    """Print the output of a task. TASK is a name as a plan shows it (GROUP/INPUT,
    GROUP[AXIS=VALUE]), an input that only one task has, or a task id.

    How the task ran (state, exit code, attempt, times, node, command) is on stderr. The
    text comes from the node or, if that is gone, from the copy that every task
    uploads when it completes. Unprintable characters are escaped; in JSON they are
    kept.
    """
    if [bool(task), failed, node is not None].count(True) != 1:
        raise click.UsageError("specify one of TASK, --failed and --start-task")
    if follow and (not task or tail is not None or form == "json"):
        raise click.UsageError("--follow requires a TASK and excludes --tail and --format json")
    from batchspec.engine.logs import failed_tasks, find_task
    from batchspec.engine.start_task import read_start_task, start_task_streams

    workload = load(spec_file, environment)
    account, spec = workload.account, workload.spec
    names = _names(stream, file)
    show = _Shown(spec, form, tail)
    if node is not None:
        ran = read_start_task(account, spec, node)
        show(ran, start_task_streams(account, spec, ran.id, names))
    elif task and follow:
        _follow(account, spec, *find_task(account, spec, task), names)
    elif task:
        _one(account, spec, *find_task(account, spec, task), names, show)
    else:
        _failed(account, spec, list(islice(failed_tasks(account, spec), _FAILED + 1)), names, show)


def _names(stream: str, file: str | None) -> tuple[str, ...]:
    """The files to print, as the task's folder on its node has them."""
    if file is not None:
        return (f"wd/{file}",)
    return ("stdout.txt", "stderr.txt") if stream == "both" else (f"{stream}.txt",)


class _Shown:
    """Prints what a task wrote."""

    def __init__(self, spec: Spec, form: str, tail: int | None) -> None:
        self._spec = spec
        self._form = form
        self._tail = tail

    def __call__(self, ran: Ran, streams: Mapping[str, str]) -> None:
        from batchspec.render.runs.logs import above, last_lines, logs_json, ran_text

        texts = {name: last_lines(without_secrets(text), self._tail) for name, text in streams.items()}
        if self._form == "json":
            named = {name.removesuffix(".txt"): text for name, text in texts.items()}
            put_object(logs_json(self._spec.name, ran, named))
            return
        put(ran_text(ran), err=True)
        for name, text in texts.items():
            say(above(name, ran.id))
            put(text)


def _one(account: Account, spec: Spec, job_id: str, task_id: str, names: Sequence[str], show: _Shown) -> None:
    from batchspec.engine.logs import task_streams, why_silent
    from batchspec.engine.ran import read_ran

    streams = task_streams(account, spec, job_id, task_id, names)
    if not streams:
        file = names[0].removeprefix("wd/") if names[0].startswith("wd/") else ""
        raise why_silent(account, spec, job_id, task_id, file)
    ran = read_ran(account, spec, job_id, task_id)
    show(ran, streams)
    if ran.failure:
        _point_at_node(account, spec, job_id)


def _point_at_node(account: Account, spec: Spec, job_id: str) -> None:
    """Says so where it may be the node, and not the task."""
    from batchspec.engine.health.nodes import look_there, node_where_tasks_fail

    if job_id and (node := node_where_tasks_fail(account, job_id)):
        say(look_there(node, spec))


def _failed(
    account: Account, spec: Spec, found: Sequence[tuple[str, str]], names: Sequence[str], show: _Shown
) -> None:
    from batchspec.engine.logs import task_streams
    from batchspec.engine.ran import read_ran
    from batchspec.render.runs.logs import more_failed_text, none_failed_text

    if not found:
        say(none_failed_text(spec.name))
    for job_id, task_id in found[:_FAILED]:
        show(read_ran(account, spec, job_id, task_id), task_streams(account, spec, job_id, task_id, names))
    if found:
        _point_at_node(account, spec, found[0][0])
    if len(found) > _FAILED:
        say(more_failed_text(_FAILED))


def _follow(account: Account, spec: Spec, job_id: str, task_id: str, names: Sequence[str]) -> None:
    from batchspec.engine.following import follow
    from batchspec.engine.ran import read_ran
    from batchspec.render.runs.logs import above, below, ran_text

    put(ran_text(read_ran(account, spec, job_id, task_id)), err=True)
    last = names[0] if len(names) == 1 else ""
    for name, text in follow(account, spec, job_id, task_id, names):
        if name != last:
            say(above(name, task_id))
        last = name
        put(without_secrets(text))
    say(below(read_ran(account, spec, job_id, task_id)))
