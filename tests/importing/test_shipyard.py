"""`batchspec import shipyard`: configurations written for these tests, after the tool's public documentation."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from azure.storage.blob import BlobServiceClient

from batchspec.errors import UsageError
from batchspec.service.embedded import LocalAccount
from batchspec.shipyard.spec import imported
from importing.conftest import Run

CONFIGURATIONS = Path(__file__).parent / "shipyard"
JOBS = [
    ("full", "everything"),
    ("stages", "chain"),
    ("stages", "other"),
    ("sweep", "epidemic"),
    ("video", "encode"),
]
TASKS = {"everything": 4, "chain": 5, "other": 3, "epidemic": 42, "encode": 1}


@pytest.mark.parametrize(("folder", "job"), JOBS)
def test_the_spec_of_a_configuration(folder: str, job: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Word for word, with a comment for whatever has no counterpart."""
    monkeypatch.chdir(CONFIGURATIONS)
    text = imported(Path(folder), job, None, f"batchspec import shipyard {folder} job {job}")
    assert text == Path(f"{job}.yaml").read_text("utf-8")
    assert "not-to-be-seen" not in text


def test_every_spec_validates_and_plans(
    run: Run, local_account: LocalAccount, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each is valid as printed, and its plan has the tasks that Batch Shipyard would have added."""
    for variable in ("STORAGE_KEY_MAIN", "REGISTRY_PASSWORD_REGISTRY_EXAMPLE_ORG"):
        monkeypatch.setenv(variable, "x")
    with BlobServiceClient.from_connection_string(local_account.connection_string) as service:
        for container, blob in (("footage", "2026/a.mov"), ("grades", "2026/a.cube")):
            client = service.get_container_client(container)
            if not client.exists():
                client.create_container()
            client.upload_blob(blob, b"x", overwrite=True)
    for folder, job in JOBS:
        shutil.copytree(CONFIGURATIONS / folder, folder, dirs_exist_ok=True)
        Path("s.yaml").write_text(run("import", "shipyard", folder, "job", job).stdout, "utf-8")
        assert run("validate", "s.yaml").stdout == "s.yaml: valid\n"
        planned = json.loads(run("plan", "s.yaml", "--format", "json").stdout)
        assert planned["counts"]["run"] == TASKS[job]


def write(folder: Path, task: str, *, pool: str = "", config: str = "") -> Path:
    """A folder with one task in a job `j`, each text in YAML's flow style."""
    folder.joinpath("pool.yaml").write_text(
        "pool_specification: {id: p, vm_size: Standard_D2ds_v5, vm_count: 1, "
        f"vm_configuration: {{platform_image: {{publisher: a, offer: b, sku: c}}}}{pool}}}"
    )
    folder.joinpath("jobs.yaml").write_text(f"job_specifications: [{{id: j, tasks: [{task}]}}]")
    if config:
        folder.joinpath("config.yaml").write_text(config)
    return folder


def spec_of(folder: Path) -> str:
    return imported(folder, None, None, "x")


@pytest.mark.parametrize(
    ("driver", "expected"),
    [
        ("azurefile, azure_file_share_name: s, storage_account_settings: acc", "azureFileShareConfiguration"),
        (
            "azureblob, azure_blob_container_name: sss, storage_account_settings: acc",
            "azureBlobFileSystemConfiguration",
        ),
        ("custom_linux_mount, fstab_entry: {fs_spec: 'h:/x', fs_vfstype: nfs}", "nfsMountConfiguration"),
    ],
)
def test_commands_find_a_volume_where_batch_mounts_it(driver: str, expected: str, tmp_path: Path) -> None:
    """A shell expands the variable that Batch Shipyard's own shell did."""
    config = (
        "global_resources: {volumes: {shared_data_volumes: {vol: "
        f"{{container_path: $AZ_BATCH_NODE_SHARED_DIR/vol, volume_driver: {driver}}}}}}}}}"
    )
    text = spec_of(
        write(tmp_path, "{docker_image: i, command: ls $AZ_BATCH_NODE_SHARED_DIR/vol/x}", config=config)
    )
    assert f"{expected}: " in text or f"{expected}:\n" in text
    assert '    command: [/bin/sh, "-c", "ls $AZ_BATCH_NODE_MOUNTS_DIR/vol/x"]\n' in text


@pytest.mark.parametrize(
    ("scenario", "expected"),
    [
        (
            "name: pending_tasks, maximum_vm_count: {low_priority: 9}",
            "autoscale: { min: 0, max: 9, spot: true }",
        ),
        (
            "name: weekend, maximum_vm_count: {dedicated: 3}",
            "workingHours: { days: [saturday, sunday], from: 0, to: 24 }",
        ),
        (
            "name: active_tasks, maximum_vm_count: {dedicated: 3, low_priority: 4}, bias_node_type: low_priority",
            "# autoscale counts one kind of nodes: Spot ones here.\n",
        ),
    ],
)
def test_scenarios_of_autoscale(scenario: str, expected: str, tmp_path: Path) -> None:
    """Those that follow the tasks or the calendar are `autoscale`."""
    text = spec_of(
        write(tmp_path, "{docker_image: i, command: a}", pool=f", autoscale: {{scenario: {{{scenario}}}}}")
    )
    assert expected in text


def test_tasks_that_agree_are_rows_unless_somebody_waits_for_one(tmp_path: Path) -> None:
    """Written one by one, they differ in what a matrix can say."""
    tasks = ", ".join(
        f"{{id: t{n}, docker_image: i, command: run --seed {n} in/{n}.dat}}" for n in range(1, 5)
    )
    assert 't:\n    matrix: { seed: "1..4" }\n' in spec_of(write(tmp_path, tasks))
    waiting = f"{tasks}, {{id: last, docker_image: i, command: end, depends_on: [t2]}}"
    text = spec_of(write(tmp_path, waiting))
    assert "matrix" not in text
    assert "    files: { t2: { from: t2 } }\n" in text


def test_a_path_is_no_part_of_a_word_and_braces_are_braces(tmp_path: Path) -> None:
    """Of `data`, only the folder moves: no option, no longer word, no placeholder. `{{` begins no placeholder."""
    brought = "{storage_account_settings: m, remote_path: cont, local_path: data}"
    text = spec_of(
        write(
            tmp_path,
            "{docker_image: i, command: 'run --data=data/x database {0}', environment_variables: {A: '{{ x }}'}, "
            f"task_factory: {{parametric_sweep: {{product: [{{start: 1, stop: 3, step: 1}}]}}}}, "
            f"input_data: {{azure_storage: [{brought}]}}}}",
            pool=", additional_node_prep: {commands: {pre: ['docker ps --format {{.ID}}']}}",
        )
    )
    moved = '"--data={{ files.cont.path }}/x", database, "{{ matrix.value }}"'
    assert f"command: [run, {moved}]" in text
    assert text.count('{{ \\"{{\\" }}') == 2


def test_what_several_groups_left_in_one_place_is_told(tmp_path: Path) -> None:
    """No path of a command can stand for two folders: a comment names them."""
    output = "output_data: {azure_storage: [{remote_path: c/all, local_path: $AZ_BATCH_TASK_WORKING_DIR/o}]}"
    reads = "input_data: {azure_storage: [{remote_path: c/all, local_path: $AZ_BATCH_TASK_WORKING_DIR/i}]}"
    text = spec_of(
        write(
            tmp_path,
            f"{{id: a, docker_image: i, command: x, {output}}}, {{id: b, docker_image: j, command: y, {output}}}, "
            f"{{id: c, docker_image: i, command: sh -c 'cat i', depends_on: [a, b], {reads}}}",
        )
    )
    assert "# What was read from c/all is in {{ files.a.path }} and {{ files.b.path }} now.\n" in text


@pytest.mark.parametrize(
    ("task", "message"),
    [
        (
            "{command: a}",
            "jobs.job_specifications[0].tasks[0] has neither a docker_image nor a singularity_image",
        ),
        (
            "{docker_image: i, command: a, max_wall_time: 5 hours}",
            "jobs.job_specifications[0].tasks[0]: '5 hours' is not a duration",
        ),
        (
            "{docker_image: i, command: 'a {3}', task_factory: {parametric_sweep: {zip: [ab]}}}",
            "jobs.job_specifications[0].tasks[0].task_factory: the command does not fit its task factory: "
            "tuple index out of range",
        ),
        (
            "{docker_image: i, command: a, id: x, depends_on: [y]}, "
            "{docker_image: j, command: a, id: y, depends_on: [x]}",
            "jobs.yaml: tasks wait for each other: x, y",
        ),
        (
            "{docker_image: i, command: 'a {}', task_factory: {parametric_sweep: {product: [{start: 1, stop: 1}]}}}",
            "jobs.job_specifications[0].tasks[0].task_factory makes no task",
        ),
    ],
)
def test_what_cannot_be_read(task: str, message: str, tmp_path: Path) -> None:
    """The place is named, and nothing is guessed."""
    with pytest.raises(UsageError) as caught:
        spec_of(write(tmp_path, task))
    assert str(caught.value) == message


def test_a_folder_without_the_files(tmp_path: Path) -> None:
    """Both files are named at once, and so are the jobs where one has to be chosen."""
    with pytest.raises(UsageError, match=r"has no pool\.yaml and no jobs\.yaml"):
        spec_of(tmp_path)
    with pytest.raises(UsageError) as caught:
        spec_of(CONFIGURATIONS / "stages")
    assert caught.value.help == "name it: `job ID`, one of chain, other"
