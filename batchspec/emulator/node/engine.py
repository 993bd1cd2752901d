"""A container engine of this machine, podman or docker, as its command line is.

Nothing is taken for granted of it: one that is installed and does not answer is none.
"""

import base64
import json
import resource
import shutil
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

Logins = Mapping[str, tuple[str, str]]
"""User name and password by the host of the registry."""

LABEL = "batchspec.nodes"  # on each container: whose it is
_ANSWER_WITHIN_S = 60.0
_REMOVAL_PAUSES_S = (0.1, 0.5, 1.0, 2.0)
_DOCKER_IO = "https://index.docker.io/v1/"  # how docker's own registry is called in a file of logins
_MOST_PROCESSES = 32768  # podman lowers its own limit to this, and then cannot give more


NO_ENGINE = "there is no container engine on this machine: install podman or docker"


class EngineError(Exception):
    """What the engine says of a thing that it cannot do."""


@dataclass(frozen=True, slots=True)
class Engine:
    """*program* is a path; *flags* go with each container that is run; *rootless*: root in it is you outside."""

    name: str
    program: str
    flags: tuple[str, ...] = ()
    rootless: bool = False

    def has_image(self, image: str) -> bool:
        return self._run("image", "inspect", image).returncode == 0

    @contextmanager
    def pulling(self, image: str, logins: Logins) -> Iterator[subprocess.Popen[str]]:
        """The process that fetches *image*; what it says on stderr is why it failed."""
        with tempfile.TemporaryDirectory(prefix="batchspec-") as folder:
            file = Path(folder) / "config.json"
            file.touch(mode=0o600)
            file.write_text(json.dumps({"auths": _auths(logins)}))
            command = [self.program, "--config", folder, "pull", image]
            if self.name == "podman":
                insecure = ["--tls-verify=false"] if _is_loopback(image) else []
                command = [self.program, "pull", "--authfile", str(file), *insecure, image]
            yield subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                text=True,
                start_new_session=True,
            )

    def run_command(self, name: str, label: str, options: Sequence[str]) -> list[str]:
        """The beginning of what runs a container of that name; the image and its command follow."""
        frame = ["--name", name, "--label", f"{LABEL}={label}", "--pull", "never"]
        return [self.program, "run", *frame, *self.flags, *options]

    def state(self, name: str) -> str:
        """As the engine calls it: `created`, `running`, `exited`; nothing when there is no such container."""
        return self._run("container", "inspect", "--format", "{{.State.Status}}", name).stdout.strip()

    def remove(self, *names: str) -> None:
        """They are gone, and what ran in them is killed; that they were not there is no error.

        An engine that is at work on one of them, after its client was killed, refuses at first.
        """
        now = ["--time", "0"] if self.name == "podman" else []
        for pause_s in _REMOVAL_PAUSES_S:
            self._run("rm", "--force", *now, *names)
            if not any(map(self.state, names)):
                return
            time.sleep(pause_s)

    def labelled(self, label: str) -> list[str]:
        """The containers of that label, whatever their state."""
        return self._run("ps", "--all", "--quiet", "--filter", f"label={LABEL}={label}").stdout.split()

    def _run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return _ask(self.program, *arguments)


def find() -> Engine | None:
    """The first of podman and docker that answers."""
    for name, look in (("podman", _podman), ("docker", _docker)):
        program = shutil.which(name)
        if program and (engine := look(program)):
            return engine
    return None


def _podman(program: str) -> Engine | None:
    """With limits that it can set, and runc where crun would fail: on cgroups of version 1, hybrid ones included."""
    form = "{{.Host.CgroupsVersion}} {{.Host.OCIRuntime.Name}} {{.Host.Security.Rootless}}"
    said = _ask(program, "info", "--format", form)
    if said.returncode:
        return None
    version, runtime, rootless = said.stdout.split()
    flags = ["--security-opt", "label=disable", *_limits()]
    if version == "v1" and runtime != "runc" and shutil.which("runc"):
        flags += ["--runtime", "runc"]
    return Engine("podman", program, tuple(flags), rootless=rootless == "true")


def _limits() -> Iterator[str]:
    """podman asks for more than it may give where it lacks CAP_SYS_RESOURCE."""
    _, files = resource.getrlimit(resource.RLIMIT_NOFILE)
    _, processes = resource.getrlimit(resource.RLIMIT_NPROC)
    for name, hard, most in (("nofile", files, 1 << 20), ("nproc", processes, _MOST_PROCESSES)):
        value = most if hard == resource.RLIM_INFINITY else min(hard, most)
        yield from ("--ulimit", f"{name}={value}:{value}")


def _docker(program: str) -> Engine | None:
    """The client alone is no engine: its server has to answer."""
    return (
        Engine("docker", program)
        if _ask(program, "version", "--format", "{{.Server.Version}}").returncode == 0
        else None
    )


def _ask(*command: str) -> subprocess.CompletedProcess[str]:
    try:
        return subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=_ANSWER_WITHIN_S,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return subprocess.CompletedProcess(command, -1, "", str(error))


def _auths(logins: Logins) -> dict[str, dict[str, str]]:
    found = {}
    for server, (user, password) in logins.items():
        entry = {"auth": base64.b64encode(f"{user}:{password}".encode()).decode()}
        found[server] = entry
        if server == "docker.io":
            found[_DOCKER_IO] = entry
    return found


def host_of(server: str) -> str:
    """The host, with its port, of a registry that may be given as a URL."""
    return server.partition("://")[2].partition("/")[0] if "://" in server else server.partition("/")[0]


def _is_loopback(image: str) -> bool:
    """Whether the image lies in a registry of this machine, which docker, too, takes without TLS."""
    host = image.partition("/")[0].partition(":")[0]
    return host == "localhost" or host.startswith("127.")


def qualified(image: str) -> str:
    """The image's name as docker reads it: of docker.io, where no registry is named."""
    host, slash, _ = image.partition("/")
    if slash and ("." in host or ":" in host or host == "localhost"):
        return image
    return f"docker.io/{image}" if slash else f"docker.io/library/{image}"


def reason(said: str) -> str:
    """The line in which the engine says why, of all that it says."""
    lines = [line.strip() for line in said.splitlines() if line.strip() and not line.startswith("See '")]
    errors = [line for line in lines if line.startswith(("Error", "docker:", "unknown"))]
    return (errors or lines or ["the engine gave no reason"])[-1].removeprefix("Error: ")


class Engines:
    """The engine of this machine, looked for when it is first needed, and again as long as there is none."""

    def __init__(self) -> None:
        self._found: Engine | None = None
        self._lock = threading.Lock()

    def get(self) -> Engine | None:
        with self._lock:
            self._found = self._found or find()
            return self._found

    def require(self) -> Engine:
        """Raises `EngineError` where there is none."""
        engine = self.get()
        if engine is None:
            raise EngineError(NO_ENGINE)
        return engine
