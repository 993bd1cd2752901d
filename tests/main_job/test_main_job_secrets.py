"""Secrets of tasks: sent to them, and nowhere else."""

from hashlib import sha256
from secrets import token_hex

from .workload import Workload

TASKS = """\
plain:
  inputs: clips/*
  command: printf %s "$TOKEN" | sha256sum > {{ output.path }}
  output: "{{ input.name }}.sum"
  env: { TOKEN: { fromEnvironment: WORK_TOKEN }, SIZE: 3 }
rows:
  matrix: { n: [1] }
  command: printf %s "$TOKEN" | sha256sum > {{ output.path }}
  output: "{{ matrix.n }}.sum"
  environmentSettings: [{ name: TOKEN, value: { fromEnvironment: WORK_TOKEN } }]
"""


def _sum(text: str) -> str:
    return f"{sha256(text.encode()).hexdigest()}  -\n"


def test_a_secret_reaches_its_task_and_no_plan(bare: Workload) -> None:
    """Every task has the value; a new value is no new work, and no plan or event shows one."""
    bare.write(TASKS)
    (bare.clips / "a").write_text("a")
    token = {"WORK_TOKEN": token_hex(16)}
    said = [
        bare.command("plan", "specs/ffmpeg.yaml", "--format", form, env=token).said
        for form in ("text", "json")
    ]
    ended = bare.apply("--format", "json", env=token)
    assert all(token["WORK_TOKEN"] not in text for text in (*said, ended.said))
    assert "fromEnvironment" in said[1]
    sums = {(bare.outputs / name).read_text("utf-8") for name in ("a.sum", "1.sum")}
    assert sums == {_sum(token["WORK_TOKEN"])}
    assert bare.plan(env={"WORK_TOKEN": token_hex(16)})["actions"] == []


def test_a_secret_that_is_not_set_ends_it_before_anything_is_made(bare: Workload) -> None:
    """With the variable's name; a plan needs no secret."""
    bare.write(TASKS)
    (bare.clips / "a").write_text("a")
    assert bare.plan()["actions"] != []
    ended = bare.apply(code=64)
    assert "the environment variable WORK_TOKEN, which is not set" in ended.err
    assert bare.pool() is None
