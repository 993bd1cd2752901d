"""Canaries (S-15): every command at its most talkative, with every kind of bad luck, and no secret in what it says.

The canaries are the accounts' keys, a password that the spec takes from the environment, and the
signature of every link that was sent. `-vv` turns on all that azure, urllib3 and requests say.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator, Sequence
from secrets import token_hex
from urllib.parse import quote, unquote

import pytest
from main_job.workload import Ended, Workload

from batchspec.cli.main import _COMMANDS

SPEC = "specs/ffmpeg.yaml"
TASKS = """\
copy:
  inputs: clips/*
  command: [cp, "{{ input.path }}", "{{ output.path }}"]
  output: "{{ input.name }}.out"
leak:
  command: cat LEAK >&2; exit 3
"""
POOL = "userAccounts: [{name: alice, password: {fromEnvironment: ALICE_PASSWORD}}]\n"

CODES: dict[str, Sequence[int]] = {
    "apply": (0, 1, 3, 4, 77),
    "drift": (0, 2),
    "destroy": (0, 1, 4, 77),
    "ssh": (1, 64),
}
"""What the commands may end with; all others with 0."""

ROUNDS: tuple[tuple[str, ...], ...] = (
    ("init",),
    ("schema",),
    ("completion", "bash"),
    ("explain", "quota"),
    ("validate", SPEC),
    ("validate", SPEC, "--format", "json"),
    ("render", SPEC),
    ("graph", SPEC),
    ("plan", SPEC),
    ("plan", SPEC, "--format", "json"),
    ("plan", SPEC, "--format", "markdown"),
    ("plan", SPEC, "-o", "saved.plan"),
    ("show", "saved.plan"),
    ("apply", "saved.plan", "--auto-approve"),
    ("apply", SPEC, "--format", "json"),
    ("plan", SPEC, "--all", "-o", "again.plan"),
    ("drift", SPEC),
    ("drift", SPEC, "--format", "json"),
    ("status", SPEC),
    ("status", SPEC, "--format", "json"),
    ("logs", "leak", "--spec", SPEC),
    ("logs", "a", "--spec", SPEC),
    ("logs", "leak", "--spec", SPEC, "--format", "json"),
    ("report", SPEC, "-o", "report.html"),
    ("report", SPEC, "--format", "csv"),
    ("report", SPEC, "--list", "--format", "json"),
    ("list",),
    ("list", "--format", "json"),
    ("download", SPEC),
    ("download", SPEC, "--format", "json"),
    ("import", "pool", "POOL"),
    ("import", "job", "JOB"),
    ("cancel", SPEC, "--auto-approve"),
    ("ssh", "nowhere", "--spec", SPEC),
    ("local", "status"),
    ("local", "up", "--format", "json"),
    ("destroy", SPEC, "--format", "json"),
    ("destroy", SPEC, "--auto-approve", "--outputs"),
)

FAULTS: tuple[dict[str, object], ...] = (
    *(
        {"operation": "*", "status": status, "times": 0}
        for status in (400, 401, 403, 404, 409, 412, 429, 500, 503)
    ),
    *(
        {"operation": name, "status": 403, "code": "AuthenticationFailed"}
        for name in ("get_pool", "list_jobs")
    ),
    *({"operation": name, "status": 400, "code": "InvalidPropertyValue"} for name in ("create_*", "*")),
    *(
        {"operation": name, "status": 409, "code": "OperationInvalidForCurrentState"}
        for name in ("create_*", "update_*")
    ),
    *(
        {"operation": name, "reset": "before", "times": 0}
        for name in ("*", "create_pool", "create_task_collection")
    ),
    *(
        {"operation": name, "reset": "after"}
        for name in ("create_pool", "create_job", "create_task_collection")
    ),
    *(
        {"operation": "create_task_collection", "tasks": {"every": 2, "as": how}, "times": 0}
        for how in ("servererror", "clienterror", "unstored", "unanswered")
    ),
    *({"operation": name, "expired": True, "times": 0} for name in ("read_blob", "write_blob")),
    *(
        {"operation": name, "status": 500, "times": 2}
        for name in ("list_tasks", "create_job", "get_job", "*_pool")
    ),
)


class Canaries:
    """The secrets of a workload, and what was said and written so far that must have none of them."""

    def __init__(self, work: Workload) -> None:
        self.work = work
        self.password = f"pw+/{token_hex(8)}="
        account = work.account
        self.said: list[tuple[str, str]] = []
        self.texts = [account.batch_key, account.storage_key, self.password]
        self.environment = {
            "AZURE_BATCH_ENDPOINT": account.batch_endpoint,
            "AZURE_BATCH_ACCOUNT": account.batch_account,
            "AZURE_BATCH_ACCESS_KEY": account.batch_key,
            "AZURE_STORAGE_CONNECTION_STRING": account.connection_string,
            "ALICE_PASSWORD": self.password,
            "BATCHSPEC_PATIENCE": "0.5",
        }
        self.leak = work.folder.parent / "leak"
        self.leak.write_text("\n".join([*self.texts, f"GET http://x/y?sp=r&sig={token_hex(16)}%3D"]))
        work.write(TASKS.replace("LEAK", str(self.leak)), pool=POOL)
        for name in ("a", "b"):
            (work.clips / name).write_text(name)

    def run(self, words: Sequence[str], env: dict[str, str] | None = None) -> Ended:
        """Runs a command with -vv; what it says is looked at by `look`."""
        named = [{"POOL": self.work.pool_id, "JOB": self.work.job_id}.get(word, word) for word in words]
        ended = self.work.command(*named, "-vv", code=None, env=self.environment if env is None else env)
        self.said.append((ended.said, " ".join(words)))
        return ended

    def signatures(self) -> set[str]:
        """The signatures of the links in all live tasks."""
        live = json.dumps([self.work.tasks(number) for number in range(1, len(self.work.jobs()) + 1)])
        return set(re.findall(r"sig=([^\"&\\]+)", live))

    def look(self) -> None:
        """No canary is in what was said so far, nor in what was written: project, cache, the local account's logs."""
        for folder in (self.work.folder, self.work.account.home / "logs"):
            for file in (path for path in folder.rglob("*") if path.is_file()):
                self.said.append((file.read_bytes().decode(errors="replace"), str(file)))
        canaries = [*self.texts, *self.signatures()]
        for text, where in self.said:
            self._look(text, where, canaries)
        self.said.clear()

    def _look(self, text: str, where: str, canaries: Sequence[str]) -> None:
        for canary in canaries:
            for form in {canary, quote(canary, safe=""), unquote(canary), json.dumps(canary)[1:-1]}:
                assert form not in text, f"{where}: a secret behind {text[: text.index(form)][-200:]!r}"
        found = re.search(r"sig(=|%3D)(?!\*\*\*).*", text)
        assert not found, f"{where}: {found}"


@pytest.fixture
def canaries(bare: Workload) -> Iterator[Canaries]:
    yield Canaries(bare)
    bare.batch("DELETE", "/_local/faults")


def test_s15_every_command_is_run() -> None:
    """A new command is looked at too."""
    assert {words[0] for words in ROUNDS} == set(_COMMANDS)


def test_s15_no_command_says_a_secret(canaries: Canaries) -> None:
    """In text, JSON, Markdown, saved plans and debug logs there is none; not even where a task printed them."""
    said = {}
    for words in ROUNDS:
        ended = canaries.run(words)
        assert ended.code in CODES.get(words[0], (0,)), f"{words}: {ended.said}"
        said[words] = ended.said
    assert "DEBUG azure" in said["plan", SPEC] or "INFO azure" in said["plan", SPEC]
    assert "DEBUG batchspec.service.http.direct: connected" in said["plan", SPEC]
    assert said["logs", "leak", "--spec", SPEC].count("***") >= 4
    assert "***" in said["apply", SPEC, "--format", "json"]
    canaries.look()


def test_s15_the_keys_are_printed_by_the_one_command_that_is_for_it(canaries: Canaries) -> None:
    """`local env` prints the keys for a shell to read, and says nothing of them beside that."""
    ended = canaries.work.command("-vv", "local", "env")
    assert canaries.work.account.batch_key in ended.out
    canaries.said.append((ended.err, "local env"))
    canaries.look()


def test_s15_no_bad_luck_brings_a_secret_out(canaries: Canaries) -> None:
    """Refused, cut off, throttled, half done: errors, their causes and their tracebacks have none."""
    assert len(FAULTS) >= 30
    work = canaries.work
    ends = set()
    for number, fault in enumerate(FAULTS):
        work.batch("POST", "/_local/faults", fault)
        command = (
            ("destroy", SPEC, "--auto-approve") if number % 5 == 4 else ("apply", SPEC, "--auto-approve")
        )
        ends.add(canaries.run(command).code)
        canaries.run(("status", SPEC))
        work.batch("DELETE", "/_local/faults")
        canaries.look()
    assert {1, 3} <= ends


@pytest.mark.parametrize("variable", ["AZURE_BATCH_ACCESS_KEY", "AZURE_STORAGE_CONNECTION_STRING"])
def test_s15_a_key_that_is_refused_is_not_said(canaries: Canaries, variable: str) -> None:
    """A wrong key, or half of one, is named by its variable alone."""
    right = canaries.environment[variable]
    key = canaries.texts[variable.startswith("AZURE_STORAGE")]
    for wrong in (key[:-8] + "AAAAAA==", key[:-3], f"{key} "):
        canaries.texts = [wrong.strip(), *canaries.texts[-3:]]
        canaries.environment[variable] = right.replace(key, wrong)
        assert canaries.run(("plan", SPEC)).code in (0, 1, 77)
        canaries.look()


CRASH = """
import os, sys, threading
from batchspec.cli import main
from batchspec.secrecy import keep_secret

keep_secret(os.environ["CANARY"])

def fail(**_):
    try:
        raise ValueError(f"no host in https://x/y?sp=r&sig={os.environ['SIGNATURE']} for {os.environ['CANARY']}")
    except ValueError as error:
        raise LookupError("Authorization: SharedKey local:" + os.environ["KEY"]) from error

if sys.argv[1] == "thread":
    def run(**_):
        thread = threading.Thread(target=fail)
        thread.start()
        thread.join()
        return 1
else:
    run = fail
main.cli.main = run
main.main()
"""


@pytest.mark.parametrize("where", ["main", "thread"])
def test_s15_a_traceback_has_no_secret(where: str) -> None:
    """An error that nobody expected is told whole, with its cause, but for the secrets in it."""
    secrets = {name: token_hex(16) for name in ("CANARY", "SIGNATURE", "KEY")}
    ended = subprocess.run(
        [sys.executable, "-c", CRASH, where],
        env={**os.environ, **secrets},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert ended.returncode == 1
    assert "ValueError: no host in https://x/y?*** for ***" in ended.stderr
    assert "LookupError: Authorization: SharedKey local:***" in ended.stderr
    assert ended.stderr.count("Traceback") == 2
    assert not [name for name, secret in secrets.items() if secret in ended.stderr]


def test_s15_verbose_stands_before_a_command_too(bare: Workload) -> None:
    """`batchspec -v plan` and `batchspec plan -v` say the requests; without it there are none."""
    bare.write_copies()
    for words in (("-v", "plan", SPEC), ("plan", SPEC, "-v")):
        assert (
            "INFO azure.core.pipeline.policies.http_logging_policy: Request URL" in bare.command(*words).err
        )
    assert "INFO" not in bare.command("plan", SPEC).err


def test_s15_with_verbose_an_error_says_where_it_comes_from(bare: Workload) -> None:
    """The traceback of an error that the commands know is for those who ask for it."""
    bare.write_copies()
    bare.batch("POST", "/_local/faults", {"operation": "list_jobs", "status": 403, "times": 0})
    try:
        assert "Traceback" in bare.command("-v", "plan", SPEC, code=None).err
        assert "Traceback" not in bare.command("plan", SPEC, code=None).err
    finally:
        bare.batch("DELETE", "/_local/faults")
