"""Rows and stages: a plan of unchanged tasks with and without stages, and a sheet with very many lines.

`python -m tests.bench.shapes collect FOLDER 10000` is run by hand: it makes so many files on the local account, has one
task read all of them, and one that reads as many files of this machine.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from tests.bench.measure import PROJECT, Figure, Sample, in_turn, median, program, ratio, report, timed, way

_BATCHSPEC = Path(sys.executable).with_name("batchspec")
_HEAD = "version: 1\nname: shapes\npool: {existing: p}\njob: {id: j, constraints: {maxWallClockTime: PT1H}}\ntasks:\n"
_STAGE = """\
  {name}:
    {rows}
    command: "echo {{{{ matrix.n }}}} > {{{{ output.path }}}}"
    output: "{name}/{{{{ matrix.n }}}}.txt"
"""
_SHEET = """\
  run:
    matrix: {file: lines.csv, key: sample}
    command: "echo {{ matrix.beta }} > {{ output.path }}"
    output: "{{ matrix.sample }}.txt"
"""


def figures(tasks: int, rounds: int) -> Iterator[Figure]:
    with tempfile.TemporaryDirectory(prefix="batchspec-bench-") as name:
        folder = Path(name)
        found = in_turn(
            rounds, {kind: way(__name__, "plan", folder, kind, tasks) for kind in ("three", "one")}
        )
        sheets = [_validate(folder, tasks) for _ in range(rounds)]
        few = _validate(folder, 1)
    three, one = found["three"], found["one"]
    peak = max(sample.peak_mb for sample in three)
    spent = f"{median(three, 'cpu_s'):.1f} s and {median(one, 'cpu_s'):.1f} s of CPU"
    parts = f"{tasks:,} tasks: {spent}, at most {peak:.0f} MB"
    yield Figure(
        "plan of three stages / of none", ratio(three, one, "cpu_s"), "x", 2.5, 1.5, parts, (), smaller=True
    )
    parts = f"{tasks:,} lines: {median(sheets, 'cpu_s'):.1f} s of CPU; {few.cpu_s:.1f} s with one line"
    yield Figure("validate of a long sheet", median(sheets), " s", None, None, parts, (), smaller=True)


def _validate(folder: Path, lines: int) -> Sample:
    return program([_BATCHSPEC, "validate", write_sheet(folder, lines)])


def write_sheet(folder: Path, lines: int) -> Path:
    """A spec with a task for each of so many lines of a sheet."""
    spec = folder / "sheet.yaml"
    rows = (f"s{number:06},{number / 1000},{number}\n" for number in range(lines))
    (folder / "lines.csv").write_text("".join(("sample,beta,seed\n", *rows)), encoding="utf-8")
    spec.write_text(_HEAD + _SHEET, encoding="utf-8")
    return spec


def plan(folder: str, kind: str, count: str) -> None:
    """Plans tasks all of which are done: in *kind* `three` stages, or in groups that read nothing of each other."""
    from batchspec.engine.look.reads import desired_now
    from batchspec.plan.actions.planner import make_plan
    from batchspec.plan.observed import Observed, Seen
    from batchspec.resources.blob import LiveBlob
    from tests.bench.workload import spec_of

    each = int(count) // 3
    axis = f'matrix: {{n: "000001..{each:06}"}}'
    rows = [axis] * 3 if kind == "one" else [axis, "inputs: {from: a}", "inputs: {from: b}"]
    text = _HEAD + "".join(_STAGE.format(name=name, rows=row) for name, row in zip("abc", rows, strict=True))
    spec = spec_of(text, str(Path(folder) / "stages.yaml"))
    with timed() as taken:
        desired = desired_now(spec, None)
        places = "SELECT makes.blob, fingerprint FROM makes JOIN task ON number = makes.task UNION ALL"
        places += (
            " SELECT made, fingerprint FROM makes JOIN task ON number = makes.task WHERE made IS NOT NULL"
        )
        rows = desired.tasks.database.rows(places)
        seen = Seen(desired.tasks)
        seen.add_outputs(
            LiveBlob(name, 6, "", "", {"batchspec_fingerprint": made_by}) for name, made_by in rows
        )
        found = make_plan(desired, Observed(seen=seen))
    if found.work.up_to_date != 3 * each or found.work.runs:
        raise SystemExit(f"{found.work.up_to_date} of {3 * each} tasks are up to date")
    report(taken())


def collect(folder: str, count: str) -> None:
    """Applies a spec with two tasks that read *count* files each, made by others and of this machine."""
    root = Path(folder)
    (root / "clips").mkdir(parents=True, exist_ok=True)
    for number in range(int(count)):
        (root / "clips" / f"{number:06}.txt").write_text(f"{number}\n", encoding="utf-8")
    text = f"""version: 1
name: collect-{count}
pool: {{id: collect-{count}-pool, vmSize: Standard_D2ds_v5, image: "canonical:ubuntu-24_04-lts:server:latest", spot: 4}}
job: {{id: collect-{count}-job, constraints: {{maxWallClockTime: PT6H}}}}
tasks:
  each:
    matrix: {{n: "000001..{int(count):06}"}}
    command: "echo {{{{ matrix.n }}}} > {{{{ output.path }}}}"
    output: "{{{{ matrix.n }}}}.txt"
    temporary: true
  made:
    inputs: {{from: each}}
    collect: true
    command: "xargs cat < {{{{ inputs.list }}}} | wc -l > {{{{ output.path }}}}"
    output: made.txt
  here:
    inputs: "clips/*.txt"
    collect: true
    command: "xargs cat < {{{{ inputs.list }}}} | wc -l > {{{{ output.path }}}}"
    output: here.txt
download: outputs/
"""
    (root / "collect.yaml").write_text(text, encoding="utf-8")
    sample = program([_BATCHSPEC, "apply", root / "collect.yaml", "--auto-approve"], cwd=PROJECT)
    said = {name: (root / "outputs" / f"{name}.txt").read_text().strip() for name in ("made", "here")}
    print(f"{said}, {sample.wall_s:.0f} s, {sample.peak_mb:.0f} MB")


if __name__ == "__main__":
    {"plan": plan, "collect": collect}[sys.argv[1]](*sys.argv[2:])
