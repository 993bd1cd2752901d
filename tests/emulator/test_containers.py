"""Tasks in real containers, by the engine of this machine; skipped, with the reason, where there is none."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from azure.batch import BatchClient

from batchspec.emulator.node.engine import Engine
from tests.containers import ENTRY, IMAGE, require_engine

from .conftest import UBUNTU, Served, job_body, pool_body, wait_until
from .registry import PASSWORD, USER, Registry
from .steps import completed, ready_pool, refused, run_task, steady, text

MACHINE: dict[str, Any] = {
    "imageReference": {"publisher": "microsoft-dsvm", "offer": "ubuntu-hpc", "sku": "2404"},
    "nodeAgentSKUId": "batch.node.ubuntu 24.04",
    "containerConfiguration": {"type": "dockerCompatible"},
}
INSIDE = {"containerSettings": {"imageName": IMAGE}}


@pytest.fixture
def engine() -> Engine:
    return require_engine()


@pytest.fixture
def served(engine: Engine, start: Callable[..., Served]) -> Served:
    """An endpoint that runs containers."""
    return start(containers="engine")


@pytest.fixture
def job(client: BatchClient) -> BatchClient:
    """A job on a pool for containers with one idle node."""
    ready_pool(client, virtualMachineConfiguration=MACHINE)
    client.create_job(job_body())
    return client


def inside(**settings: Any) -> dict[str, Any]:
    return {"containerSettings": {"imageName": IMAGE, **settings}}


def stdout(client: BatchClient, task: str = "task") -> str:
    return text(client.download_task_file("job", task, "stdout.txt"))


def test_a_task_runs_in_its_image(job: BatchClient) -> None:
    """It sees the image's files, Batch's variables and its own, and works in its folder on the node."""
    line = """sh -c 'cat /etc/made-for-tests; echo $AZ_BATCH_TASK_ID $MODE; test "$PWD" = $AZ_BATCH_TASK_WORKING_DIR;
              echo $?; echo made > made.txt; echo gone wrong >&2'"""
    settings = [{"name": "MODE", "value": "two words"}]
    task = run_task(job, commandLine=line, environmentSettings=settings, **INSIDE)
    assert (task.execution_info.exit_code, task.execution_info.result) == (0, "success")
    assert stdout(job) == "only in the image\ntask two words\n0\n"
    assert text(job.download_task_file("job", "task", "wd/made.txt")) == "made\n"
    assert text(job.download_task_file("job", "task", "stderr.txt")).endswith("gone wrong\n")


def test_the_image_decides_path_and_nothing_of_ours_is_seen(job: BatchClient) -> None:
    """PATH is the image's, unless the task sets one; variables of the endpoint's own process are not there."""
    run_task(job, commandLine="env", **INSIDE)
    seen = dict(line.partition("=")[::2] for line in stdout(job).splitlines())
    assert seen["PATH"] == "/bin"
    assert not {name for name in seen if name.startswith(("BATCHSPEC", "XDG", "PYTEST"))}
    settings = [{"name": "PATH", "value": "/bin:/opt"}]
    run_task(job, id="own", commandLine="env", environmentSettings=settings, **INSIDE)
    assert "PATH=/bin:/opt\n" in stdout(job, "own")


def test_exit_codes_and_retries(job: BatchClient) -> None:
    """A try that fails is tried again in the same folder, in a new container; the exit code is the command's."""
    line = "sh -c 'echo again >> tries; rm /etc/made-for-tests; exit 3'"
    task = run_task(job, commandLine=line, constraints={"maxTaskRetryCount": 2}, **INSIDE)
    info = task.execution_info
    assert (info.exit_code, info.retry_count, info.failure_info.code) == (3, 2, "FailureExitCode")
    assert text(job.download_task_file("job", "task", "wd/tries")) == "again\n" * 3
    assert text(job.download_task_file("job", "task", "stderr.txt")) == ""


@pytest.mark.parametrize("code", [125, 126, 127, 137])
def test_codes_of_a_command_are_its_own(job: BatchClient, code: int) -> None:
    """Also those that the engine uses for itself."""
    task = run_task(job, commandLine=f"sh -c 'exit {code}'", **INSIDE)
    assert (task.execution_info.exit_code, task.execution_info.failure_info.code) == (code, "FailureExitCode")


def test_a_program_that_the_image_does_not_have(job: BatchClient) -> None:
    """It is not found, though this machine may have it; nothing has run, so there is no exit code."""
    task = run_task(job, commandLine="python3 --version", **INSIDE)
    info = task.execution_info
    assert (info.exit_code, info.failure_info.code) == (None, "CommandProgramNotFound")


def test_options_that_the_engine_refuses(job: BatchClient) -> None:
    """The task fails before it runs, with what the engine says."""
    task = run_task(job, commandLine="true", **inside(containerRunOptions="--no-such-option"))
    failure = task.execution_info.failure_info
    assert (task.execution_info.exit_code, failure.code) == (None, "ContainerInvalidSettings")
    assert "no-such-option" in failure.details[0].value


def test_entrypoints(job: BatchClient) -> None:
    """The command line is what the entrypoint gets; an empty one leaves it alone; another one can be chosen."""
    settings = {"containerSettings": {"imageName": ENTRY}}
    run_task(job, id="words", commandLine="a 'b c'", **settings)
    run_task(job, id="none", commandLine="", **settings)
    other = {"containerSettings": {"imageName": ENTRY, "containerRunOptions": "--rm --entrypoint /bin/sh"}}
    run_task(job, id="other", commandLine="-c 'echo mine'", **other)
    assert [stdout(job, name) for name in ("words", "none", "other")] == [
        "entry a b c\n",
        "entry\n",
        "mine\n",
    ]


def test_working_directories(job: BatchClient) -> None:
    """The task's folder; where the image says; where the options say."""
    home = {"imageName": ENTRY, "containerRunOptions": "--entrypoint /bin/pwd"}
    run_task(job, id="task", commandLine="", containerSettings=home)
    image = {**home, "workingDirectory": "containerImageDefault"}
    run_task(job, id="image", commandLine="", containerSettings=image)
    said = {**home, "containerRunOptions": "--entrypoint /bin/pwd --workdir /tmp"}
    run_task(job, id="said", commandLine="", containerSettings=said)
    assert stdout(job).endswith("/workitems/job/job-1/task/wd\n")
    assert [stdout(job, name) for name in ("image", "said")] == ["/opt\n", "/tmp\n"]


def test_chosen_mounts(job: BatchClient) -> None:
    """Of the node it sees what it names, read-only where it says so; of the rest the variables are gone."""
    mounts = [{"source": "Task"}, {"source": "Shared", "isReadOnly": True}]
    line = """sh -c 'ls $AZ_BATCH_NODE_SHARED_DIR/..; touch $AZ_BATCH_NODE_SHARED_DIR/x || echo read-only;
              echo startup:$AZ_BATCH_NODE_STARTUP_DIR; touch mine'"""
    run_task(job, commandLine=line, **inside(containerHostBatchBindMounts=mounts))
    assert stdout(job) == "shared\nworkitems\nread-only\nstartup:\n"
    assert text(job.download_task_file("job", "task", "wd/mine")) == ""


def test_no_mounts(job: BatchClient) -> None:
    """Without the task's folder a task cannot work in it, and has to say that the image decides."""
    task = run_task(job, commandLine="true", **inside(containerHostBatchBindMounts=[]))
    assert task.execution_info.failure_info.code == "ContainerInvalidSettings"
    settings = inside(containerHostBatchBindMounts=[], workingDirectory="containerImageDefault")
    run_task(
        job, id="alone", commandLine="sh -c 'echo $AZ_BATCH_TASK_DIR; ls $AZ_BATCH_NODE_ROOT_DIR'", **settings
    )
    assert stdout(job, "alone") == "\n"


def test_termination_ends_the_container(job: BatchClient, engine: Engine, served: Served) -> None:
    """A task that is terminated, and one whose time is over, leave no container."""
    job.create_task("job", {"id": "task", "commandLine": "sleep 600", **INSIDE})
    wait_until(lambda: job.get_task("job", "task").state == "running")
    wait_until(lambda: len(engine.labelled(str(served.settings.home))) == 1)
    job.terminate_task("job", "task")
    assert job.get_task("job", "task").execution_info.failure_info.code == "TaskEnded"
    limit = {"maxWallClockTime": "PT1S"}
    task = run_task(job, id="late", commandLine="sleep 600", constraints=limit, **INSIDE)
    assert (task.execution_info.exit_code, task.execution_info.failure_info.code) == (137, "TaskEnded")
    wait_until(lambda: engine.labelled(str(served.settings.home)) == [])


def test_pool_and_task_have_to_agree(job: BatchClient, client: BatchClient) -> None:
    """A task without a container on such a pool fails, and one with a container on any other."""
    task = run_task(job, commandLine="true")
    assert task.execution_info.failure_info.code == "ContainerTaskSettingsNotFound"
    client.create_pool(pool_body("plain", virtualMachineConfiguration=UBUNTU))
    client.create_job({"id": "plain", "poolInfo": {"poolId": "plain"}})
    task = run_task(client, "plain", commandLine="true", **INSIDE)
    assert task.execution_info.failure_info.code == "ContainerPoolNotSupported"


def test_an_image_that_there_is_not(job: BatchClient) -> None:
    """The task fails before it runs, with the image's name and what the engine says."""
    settings = {"containerSettings": {"imageName": "localhost:1/none:1"}}
    task = run_task(job, commandLine="true", **settings)
    failure = task.execution_info.failure_info
    assert (failure.code, failure.details[0].value) == ("ContainerInvalidImage", "localhost:1/none:1")


def test_start_and_preparation_tasks_in_containers(client: BatchClient) -> None:
    """They may run in one, and need not."""
    start = {"commandLine": "cat /etc/made-for-tests", "waitForSuccess": True, **INSIDE}
    (node,) = ready_pool(client, virtualMachineConfiguration=MACHINE, startTask=start)
    assert text(client.download_node_file("pool", node.id, "startup/stdout.txt")) == "only in the image\n"
    client.create_job(job_body(jobPreparationTask={"commandLine": "touch here"}))
    task = run_task(client, commandLine="ls $AZ_BATCH_JOB_PREP_WORKING_DIR", **INSIDE)
    assert task.execution_info.exit_code == 1  # no shell reads it
    run_task(client, id="again", commandLine="sh -c 'ls $AZ_BATCH_JOB_PREP_WORKING_DIR'", **INSIDE)
    assert stdout(client, "again") == "here\n"


def test_without_an_engine_no_pool_for_containers(
    start: Callable[..., Served], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is not made, so that nothing runs on this machine that was meant for a container."""
    monkeypatch.setenv("PATH", "/nowhere")
    with start(containers="engine").client() as client:
        error = refused(client.create_pool, pool_body(virtualMachineConfiguration=MACHINE))
    assert (error.status_code, error.error.code) == (501, "NotImplemented")
    assert "install podman or docker" in str(error)


# --- registries


@pytest.fixture
def registry(engine: Engine) -> Iterator[Registry]:
    """A registry on this machine, with one image, for those who know the password."""
    with Registry.of(engine, IMAGE, "tests/made:1") as found:
        yield found


def configured(registry: Registry, **login: str) -> dict[str, Any]:
    configuration = {
        "type": "dockerCompatible",
        "containerImageNames": [f"{registry.host}/tests/made:1"],
        "containerRegistries": [{"registryServer": registry.host, **login}],
    }
    return {**MACHINE, "containerConfiguration": configuration}


def test_images_are_fetched_when_the_pool_starts(
    client: BatchClient, registry: Registry, served: Served
) -> None:
    """With the registry's password, which is not given back; a task then runs with it, and it was fetched once."""
    machine = configured(registry, username=USER, password=PASSWORD)
    ready_pool(client, virtualMachineConfiguration=machine, targetDedicatedNodes=2)
    client.create_job(job_body())
    settings = {"containerSettings": {"imageName": f"{registry.host}/tests/made:1"}}
    run_task(client, commandLine="cat /etc/made-for-tests", **settings)
    assert stdout(client) == "only in the image\n"
    assert registry.manifests_given() == 1
    assert PASSWORD not in str(client.get_pool("pool").as_dict())


def test_an_image_that_cannot_be_fetched_makes_the_node_useless(
    client: BatchClient, registry: Registry
) -> None:
    """The node is unusable, and says which image and why."""
    client.create_pool(
        pool_body(virtualMachineConfiguration=configured(registry, username=USER, password="wrong"))
    )
    steady(client)
    (node,) = wait_until(lambda: [node for node in client.list_nodes("pool") if node.state == "unusable"])
    (error,) = node.errors
    assert error.code == "ContainerInvalidImage"
    assert error.error_details[0].value == f"{registry.host}/tests/made:1"


def test_a_task_brings_its_own_registry(job: BatchClient, registry: Registry) -> None:
    """Many tasks that want one image at once have it fetched once; the password is not given back."""
    own = {"registryServer": registry.host, "username": USER, "password": PASSWORD}
    settings = {"containerSettings": {"imageName": f"{registry.host}/tests/made:1", "registry": own}}
    for n in range(3):
        job.create_task("job", {"id": f"t{n}", "commandLine": "true", **settings})
    results = [completed(job, "job", f"t{n}").execution_info.result for n in range(3)]
    assert results == ["success"] * 3
    assert registry.manifests_given() == 1
    assert PASSWORD not in str(job.get_task("job", "t0").as_dict())
