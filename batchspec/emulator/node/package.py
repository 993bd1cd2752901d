"""An application package on a node: fetched and unpacked whole, or not at all. Nothing leaves its folder.

Source: Microsoft's page on application packages (2025-04). What is not in it is in the README: names of folders, modes.
"""

import errno
import os
import secrets
import shutil
import stat
import zipfile
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import BinaryIO

from batchspec.emulator.node import transfer
from batchspec.emulator.node.storage import Stopped, Storage

_BROKEN = (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, ValueError)
_PIECE = 1 << 20


@dataclass(frozen=True, slots=True)
class Package:
    """*url* is empty of one that the account does not have; *folder* is where it lies on the node."""

    id: str
    version: str
    url: str
    folder: Path


class PackageError(Exception):
    """A package that cannot be installed, and why."""

    def __init__(self, package: Package, why: str) -> None:
        super().__init__(why)
        self.package = package


def install_all(storage: Storage, packages: Sequence[Package], stopped: Stopped) -> None:
    """Each is in its folder; one that is there already is not fetched again. Raises `PackageError`."""
    for package in packages:
        if not package.folder.exists() and not stopped():
            _install(storage, package, stopped)


def _install(storage: Storage, package: Package, stopped: Stopped) -> None:
    if not package.url:
        raise PackageError(package, "the account has no such package")
    package.folder.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    part = package.folder.with_name(f".{secrets.token_hex(8)}")
    archive = part.with_suffix(".zip")
    try:
        transfer.fetch(storage, package.url, archive, stopped)
        if not stopped():
            _unpack(package, archive, part)
            _settle(part, package.folder)
    except transfer.TransferError as error:
        raise PackageError(package, f"{error.code}: {error.message}") from error
    finally:
        archive.unlink(missing_ok=True)
        shutil.rmtree(part, ignore_errors=True)


def _settle(part: Path, folder: Path) -> None:
    """What was unpacked is in its folder, unless another task was faster."""
    try:
        part.rename(folder)
    except OSError:
        if not folder.exists():
            raise


def _unpack(package: Package, archive: Path, folder: Path) -> None:
    folder.mkdir(mode=0o700)
    try:
        with zipfile.ZipFile(archive) as opened:
            for member in opened.infolist():
                _unpack_one(opened, member, folder)
    except _BROKEN as error:
        raise PackageError(package, f"the zip file cannot be unpacked: {error}") from error
    except OSError as error:
        if error.errno == errno.ENOSPC:
            raise
        raise PackageError(package, f"the zip file cannot be unpacked: {error}") from error


def _unpack_one(opened: zipfile.ZipFile, member: zipfile.ZipInfo, folder: Path) -> None:
    """Raises `ValueError` for what is neither a file nor a folder within *folder*."""
    name, mode = PurePosixPath(member.filename.replace("\\", "/")), member.external_attr >> 16
    if name.is_absolute() or ".." in name.parts:
        raise ValueError(f"{member.filename!r} leaves the folder of the package")
    if stat.S_IFMT(mode) not in (0, stat.S_IFREG, stat.S_IFDIR):
        raise ValueError(f"{member.filename!r} is neither a file nor a folder")
    target = folder / name
    if member.is_dir():
        target.mkdir(parents=True, exist_ok=True, mode=0o700)
        return
    target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    with opened.open(member) as source, _new_file(target, mode) as file:
        shutil.copyfileobj(source, file, _PIECE)


def _new_file(target: Path, mode: int) -> BinaryIO:
    executable = 0o700 if mode & 0o111 else 0o600
    return os.fdopen(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, executable), "wb")
