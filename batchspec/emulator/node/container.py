"""The container that a try runs in: its image, brought in once, and the command line that runs it.

Source: BatchTaskContainerSettings (azure-batch 15.1); Microsoft's pages on container workloads and on container
isolation. The task's command line is the container's COMMAND: an image's ENTRYPOINT stays, unless
`containerRunOptions` has another one (MicrosoftDocs/azure-docs#94943).
"""

import os
import subprocess
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from batchspec.emulator.node import engine as engines
from batchspec.emulator.node.engine import Engine, EngineError, Engines, Logins

if TYPE_CHECKING:
    from batchspec.emulator.node.process import Run

_NETWORKS = ("--network", "--net")
_AGAIN_S = 0.1
# How the engine's `run` ends when it is not the command that ended.
_ITS_OWN_CODES = (125, 126, 127)


class Mount(NamedTuple):
    folder: Path
    read_only: bool = False


@dataclass(frozen=True, slots=True)
class Container:
    """What makes a container of a try.

    *options* are the task's own, split; *label* says whose it is; *workdir* is None where the image decides. *hidden*
    are names of the environment that it does not see, or what they begin with, ending in `_`.
    """

    engines: Engines
    images: "Images"
    image: str
    label: str
    options: Sequence[str] = ()
    workdir: Path | None = None
    mounts: Sequence[Mount] = ()
    logins: Logins | None = None
    as_root: bool = False
    hidden: frozenset[str] = frozenset()

    def _hides(self, name: str) -> bool:
        return name in self.hidden or any(name.startswith(h) for h in self.hidden if h.endswith("_"))

    def bring_in(self, run: "Run") -> str:
        """The image is on this machine, under the name returned. Raises `EngineError`."""
        return self.images.bring_in(self.engines.require(), self.image, self.logins or {}, run)

    @property
    def engine(self) -> Engine:
        return self.engines.require()

    def command(
        self, name: str, image: str, words: Sequence[str], environment: Mapping[str, str]
    ) -> tuple[list[str], dict[str, str]]:
        """The words that run it, and the environment of the engine's client.

        Values travel in that environment, where only you can read them, and by name; those whose name the client
        needs for itself travel in the words.
        """
        own = dict(os.environ)
        seen = {key: value for key, value in environment.items() if not self._hides(key)}
        named = [f"{key}={value}" if key in own else key for key, value in seen.items()]
        options = [
            *self._user(),
            *self._network(),
            *(part for mount in self.mounts for part in ("--volume", _volume(mount))),
            *(("--workdir", str(self.workdir)) if self.workdir else ()),
            *(part for setting in named for part in ("--env", setting)),
            *(option for option in self.options if option != "--rm"),
        ]
        started = self.engine.run_command(name, self.label, options)
        return [*started, image, *words], {**seen, **own}

    def _user(self) -> list[str]:
        """The task's user, who is you; root, where that is you as well."""
        if self.engine.rootless and self.as_root:
            return ["--user", "0:0"]
        user = ["--user", f"{os.getuid()}:{os.getgid()}"]
        return [*user, "--userns", "keep-id"] if self.engine.rootless else user

    def _network(self) -> list[str]:
        """The machine's own, without which neither Storage nor Batch could be reached here."""
        chosen = any(option.partition("=")[0] in _NETWORKS for option in self.options)
        return [] if chosen else ["--network", "host"]

    def never_started(self, name: str, code: int) -> bool:
        """Whether an exit code is the engine's, which could not start the command, and not the command's."""
        return code in _ITS_OWN_CODES and self.engine.state(name) in ("", "created")


def _volume(mount: Mount) -> str:
    return f"{mount.folder}:{mount.folder}{':ro' if mount.read_only else ''}"


def end(engine: Engine, name: str, process: subprocess.Popen[bytes]) -> None:
    """The container is killed and gone, also when its client is only just making it; in a thread of its own."""

    def remove() -> None:
        while process.returncode is None:
            engine.remove(name)
            time.sleep(_AGAIN_S)

    threading.Thread(target=remove, daemon=True).start()


class Images:
    """Which images are on this machine: each is brought in once, however many ask for it at once."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._of: dict[str, threading.Lock] = {}
        self._there: dict[str, str] = {}

    def bring_in(self, engine: Engine, image: str, logins: Logins, run: "Run") -> str:
        """The name by which the engine has it. Raises `EngineError`."""
        with self._lock:
            own = self._of.setdefault(image, threading.Lock())
        with own:
            if image not in self._there and not run.is_stopped():
                self._there[image] = _bring_in(engine, image, logins, run)
            return self._there.get(image, image)


def _bring_in(engine: Engine, image: str, logins: Logins, run: "Run") -> str:
    if engine.has_image(image):
        return image
    full = engines.qualified(image)
    if engine.has_image(full):
        return full
    with engine.pulling(full, logins) as process:
        run.started(process.pid)
        _, said = process.communicate()
        run.ended()
    if process.returncode and not run.is_stopped():
        raise EngineError(engines.reason(said))
    return full
