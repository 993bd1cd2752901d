"""Environments of one spec: typed params, files of values, and the commands that are suggested (issue 12, point 7)."""

import re
import shlex

from main_job.workload import Workload

SPEC = """\
version: 1
name: {name}-{{{{ params.stage }}}}
params:
  stage: {{type: string, enum: [dev, prod], description: Which environment.}}
  nodes: {{type: integer, default: 1, minimum: 1}}
  words: {{type: array, default: [hello, world]}}
  code: 0
pool:
  id: {name}-{{{{ params.stage }}}}
  vmSize: Standard_D2ds_v5
  image: canonical:ubuntu-24_04-lts:server
  targetLowPriorityNodes: "{{{{ params.nodes }}}}"
job: {{id: "{name}-{{{{ params.stage }}}}", constraints: {{maxWallClockTime: PT1H}}}}
tasks:
  say: {{command: [echo, "{{{{ params.words }}}}", {{{{ params.stage }}}}], output: said.txt}}
download: ../outputs/{{{{ params.stage }}}}/
"""


def write(workload: Workload) -> None:
    workload.clips.mkdir(parents=True)
    spec = SPEC.format(name=workload.name)
    spec = spec.replace(
        "[echo,", '[bash, -c, \'echo "$@" > out/said.txt; exit $0\', "{{ params.code }}",'
    ).replace("{{ params.stage }}],", '"{{ params.stage }}"],')
    workload.spec.write_text(spec, "utf-8")
    (workload.folder / "dev.yaml").write_text("stage: dev\n")
    (workload.folder / "prod.yaml").write_text("stage: prod\nnodes: 2\n")


def test_dev_and_prod_of_one_spec_share_nothing(bare: Workload) -> None:
    """Each has its name, pool, job and downloads; one is destroyed, and the plan of the other stays empty."""
    write(bare)
    for stage, nodes in (("dev", 1), ("prod", 2)):
        values = ("--params", f"{stage}.yaml")
        bare.apply(*values)
        assert (bare.outputs / stage / "said.txt").read_text() == f"hello world {stage}\n"
        assert bare.batch("GET", f"/pools/{bare.name}-{stage}")["targetLowPriorityNodes"] == nodes
    bare.destroy("--params", "dev.yaml", "--outputs")
    assert bare.batch("GET", f"/pools/{bare.name}-dev") is None
    assert bare.actions("--params", "prod.yaml") == []
    assert ("run", "task", "not_run") in bare.actions("--params", "dev.yaml")
    bare.destroy("--params", "prod.yaml", "--outputs")


def test_every_command_that_is_suggested_repeats_the_flags(bare: Workload) -> None:
    """After a failure, each `batchspec ...` that is printed selects the environment of the command that failed."""
    write(bare)
    flags = ["--params", "prod.yaml", "--set", "code=3", "--set", "nodes=1", "--target", "local"]
    ended = bare.apply(*flags, code=3)
    suggested = re.findall(r"batchspec (?:apply|logs|destroy|status|plan|download) [^`\n]*", ended.said)
    assert {command.split()[1] for command in suggested} == {"apply", "logs", "destroy"}
    for command in suggested:
        words = shlex.split(command.partition("  (")[0])
        assert words[-len(flags) :] == flags, command
    again = shlex.split(next(command for command in suggested if "logs" in command))
    assert "hello" not in bare.command(*again[1:]).out
    bare.command("destroy", "specs/ffmpeg.yaml", *flags, "--outputs", "--auto-approve")


def test_a_saved_plan_has_its_values(bare: Workload) -> None:
    """`apply PLAN` needs no flags, and takes none; a file of values that has changed since makes it stale."""
    write(bare)
    bare.command("plan", "specs/ffmpeg.yaml", "--params", "dev.yaml", "-o", "dev.plan")
    for flag, value in [("--set", "words=[bye]"), ("--params", "prod.yaml"), ("--only", "say")]:
        said = bare.command("apply", "dev.plan", flag, value, code=64).err
        assert f"{flag} has no effect on a saved plan" in said
    bare.command("apply", "dev.plan", "--plan-id", "0123456789", code=5)
    bare.command("apply", "dev.plan")
    assert (bare.outputs / "dev" / "said.txt").exists()
    (bare.folder / "dev.yaml").write_text("stage: dev\nnodes: 3\n")
    bare.command(
        "plan", "specs/ffmpeg.yaml", "--params", "dev.yaml", "--set", "words=[bye]", "-o", "next.plan"
    )
    (bare.folder / "dev.yaml").write_text("stage: dev\nnodes: 4\n")
    bare.command("apply", "next.plan", code=5)
    bare.destroy("--params", "dev.yaml", "--outputs")


def test_render_prints_what_the_spec_says(bare: Workload) -> None:
    """The params have values, in their types; what it prints is a spec that says the same."""
    write(bare)
    printed = bare.command("render", "specs/ffmpeg.yaml", "--params", "prod.yaml").out
    assert f"name: {bare.name}-prod\n" in printed
    assert "  targetLowPriorityNodes: 2\n" in printed
    bare.spec.write_text(printed, "utf-8")
    assert bare.command("render", "specs/ffmpeg.yaml").out == printed
    tasks = bare.command("render", "specs/ffmpeg.yaml", "--tasks").out
    assert "'echo \"$@\" > out/said.txt; exit $0' 0 hello world prod" in tasks
    assert tasks.startswith("say\n")
    bare.command("render", "specs/ffmpeg.yaml", "--tasks", "sya", code=64)


def test_a_value_that_does_not_fit_ends_every_command(bare: Workload) -> None:
    """With 65, and with where it comes from."""
    write(bare)
    (bare.folder / "bad.yaml").write_text("# bad\nstage: test\n")
    ended = bare.command("validate", "specs/ffmpeg.yaml", "--params", "bad.yaml", "--set", "nodes=x", code=65)
    assert "--> bad.yaml:2:8" in ended.err
    assert "--> --set nodes=x" in ended.err
    assert "Which environment." in ended.err
    bare.command("plan", "specs/ffmpeg.yaml", code=65)
    bare.command("plan", "specs/ffmpeg.yaml", "--params", "none.yaml", code=64)
