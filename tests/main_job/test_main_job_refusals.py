"""What is refused before anything is sent, and the exit code it ends with (issue 4.7 end to end, section 2)."""

import pytest

from main_job.wire import Wire
from main_job.workload import Workload

BAD_SPECS = {
    "a misspelt field": ("vmSize:", "vmsize:", "did you mean `vmSize`?", 14),
    "an undefined variable": ("{{ input.path }}", "{{ input.pth }}", "did you mean `input.path`?", 32),
    "an id that Batch would refuse": ("-pool\n", " pool\n", "letters, digits, hyphens and underscores", 13),
    "a glob without a match": ("clips/**/*.mp4", "clip/**/*.mp4", "no file matches 'clip/**/*.mp4'", 31),
}


@pytest.mark.parametrize("fault", BAD_SPECS)
def test_4_7_a_bad_spec_ends_with_65_and_nothing_is_sent(workload: Workload, wire: Wire, fault: str) -> None:
    """Apply and plan of a bad spec say file, line, reason and way out, end with 65, and send nothing at all."""
    old, new, said, line = BAD_SPECS[fault]
    workload.edit(old, new)
    for command in ("plan", "apply"):
        ended = workload.command(command, "specs/ffmpeg.yaml", code=65, env=wire.environment)
        assert f"specs/ffmpeg.yaml:{line}:" in ended.err
        assert said in ended.err
        assert ended.out == ""
    assert wire.heard == []


def test_4_7_a_glob_without_a_match_names_the_folder_searched_and_what_is_near(workload: Workload) -> None:
    """The error has the folder that was searched and the files nearest to the pattern."""
    workload.edit("clips/**/*.mp4", "clips/LowPriVM-1.mp4")
    ended = workload.apply(code=65)
    assert "looked in specs/clips" in ended.err
    assert "LowPriVMs-1.mp4" in ended.err


def test_4_7_all_findings_of_a_file_come_at_once(workload: Workload) -> None:
    """Two faults in one spec are two findings of one run."""
    workload.edit("vmSize:", "vmsize:")
    workload.edit("maxWallClockTime:", "maxWallClock:")
    ended = workload.apply(code=65)
    assert "vmsize" in ended.err
    assert "maxWallClock" in ended.err
    assert ended.err.count("error[") >= 2


def test_4_7_a_bad_spec_starts_no_local_account(workload: Workload) -> None:
    """A finding comes before the account is looked for: nothing is started and nothing brought in for it."""
    home = workload.folder / "home"
    workload.edit("clips/**/*.mp4", "clip/**/*.mp4")
    workload.apply(code=65, env={"BATCHSPEC_LOCAL_HOME": str(home)})
    assert not home.exists()


@pytest.mark.parametrize(
    "words",
    [
        ("frobnicate",),
        ("apply",),
        ("apply", "--no-such-option", "specs/ffmpeg.yaml"),
        ("apply", "no-such-file.yaml"),
        ("apply", "specs/ffmpeg.yaml", "--timeout", "soon"),
        ("apply", "specs/ffmpeg.yaml", "--set", "bitrate"),
        ("apply", "specs/ffmpeg.yaml", "--set", "bitrat=128k"),
        ("apply", "specs/ffmpeg.yaml", "--target", "moon"),
        ("logs", "no-such-task", "--spec", "specs/ffmpeg.yaml"),
    ],
    ids=" ".join,
)
def test_wrong_usage_ends_with_64(workload: Workload, words: tuple[str, ...]) -> None:
    """What click and we call wrong usage ends with 64, with a sentence and without a traceback."""
    ended = workload.command(*words, code=64)
    assert ended.err
    assert "Traceback" not in ended.err
    assert workload.jobs() == []


@pytest.mark.parametrize(
    ("variables", "missing"),
    [
        ({"AZURE_BATCH_ACCOUNT": "mine"}, "AZURE_BATCH_ENDPOINT"),
        ({"AZURE_STORAGE_ACCOUNT": "mine"}, "AZURE_BATCH_ENDPOINT"),
        (
            {"AZURE_BATCH_ENDPOINT": "https://mine.westeurope.batch.azure.com"},
            "AZURE_STORAGE_CONNECTION_STRING",
        ),
    ],
    ids=["only a Batch account", "only a storage account", "no storage account"],
)
def test_half_an_account_ends_with_77_and_names_what_is_missing(
    workload: Workload, variables: dict[str, str], missing: str
) -> None:
    """Some of the variables but not all: 77, the missing one by name, and nothing runs locally by accident."""
    ended = workload.apply(code=77, env=variables)
    assert missing in ended.err
    assert next(iter(variables)) in ended.err
    assert workload.jobs() == []


def test_in_ci_the_target_must_be_named(workload: Workload) -> None:
    """With CI set and no account, 77; with --target, the variable or a line in the spec, the local account."""
    ended = workload.apply(code=77, env={"CI": "true"})
    assert "--target local" in ended.err
    workload.command("plan", "specs/ffmpeg.yaml", "--target", "local", env={"CI": "true"})
    workload.command("plan", "specs/ffmpeg.yaml", env={"CI": "true", "BATCHSPEC_TARGET": "local"})
    workload.edit("version: 1\n", "version: 1\ntarget: local\n")
    workload.command("plan", "specs/ffmpeg.yaml", env={"CI": "true"})


def test_a_wrong_key_ends_with_77(workload: Workload) -> None:
    """Credentials that the service does not take end with 77, and the key is not shown."""
    account, key = workload.account, "d3Jvbmcga2V5IG9mIGEgdGVzdA=="
    variables = {
        "AZURE_BATCH_ACCOUNT": account.batch_account,
        "AZURE_BATCH_ENDPOINT": account.batch_endpoint,
        "AZURE_BATCH_ACCESS_KEY": key,
        "AZURE_STORAGE_CONNECTION_STRING": account.connection_string,
    }
    ended = workload.apply(code=77, env=variables)
    assert key not in ended.said
    assert account.storage_key not in ended.said


def test_what_is_taken_away_needs_a_word(workload: Workload) -> None:
    """A plan that empties the pool: without a yes 4 and nothing done, with --auto-approve it is done."""
    workload.apply()
    workload.edit("Standard_D2ds_v5", "Standard_D4ds_v5")
    before = workload.pool()
    ended = workload.apply(code=4)
    assert "--auto-approve" in ended.err
    assert workload.pool() == before
    workload.apply("--auto-approve")
    after = workload.pool()
    assert after is not None
    assert after["vmSize"].lower() == "standard_d4ds_v5"
    assert workload.actions() == []
