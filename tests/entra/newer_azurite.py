"""Azurite 3.37.0, which can check what 3.33.0 cannot: a user delegation SAS as the SDK signs it today.

The SDK signs in the form of version 2026-04-06 and later (it cannot be told to use an
older one); 3.33.0 knows the one of 2020-12-06, 3.35 and 3.36 the one of 2025-07-05. With
all it asks for it takes 365 MB. Two of these packages are for what nobody does here,
telemetry and SQL Server; `azurite/package.json` puts old, small versions in their place,
and what is left takes 68 MB.
"""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from batchspec.emulator import azurite
from batchspec.emulator.azurite import Azurite, Tls
from batchspec.emulator.installation import Config, Home

_WANTED = Path(__file__).parent / "azurite"
_NPM_FLAGS = ("--no-audit", "--no-fund", "--omit=dev", "--ignore-scripts", "--loglevel=error")


class _Quiet(Azurite):
    """It sends nothing to anybody: unlike 3.33.0 it would, if not told."""

    def _command(self) -> list[str]:
        return [*super()._command(), "--disableTelemetry"]


@contextmanager
def running(home: Home, config: Config, tls: Tls) -> Iterator[None]:
    """It answers over TLS inside, and has ended after."""
    blob = _Quiet(home, config, _bring_in(), tls)
    blob.start()
    try:
        yield
    finally:
        blob.stop()


def _bring_in() -> Path:
    """The folder that holds it, beside the one of the local account; installed first when it is not there."""
    place = azurite.folder().parent / "azurite-3.37.0-small"
    if place.is_dir():
        return place
    place.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    with Home(place.parent).locked(f"{place.name}.lock", wait=True):
        if not place.is_dir():
            beside = place.with_name(f"{place.name}.partial")
            shutil.rmtree(beside, ignore_errors=True)
            shutil.copytree(_WANTED, beside)
            subprocess.run([*azurite.npm(), "ci", *_NPM_FLAGS], cwd=beside, check=True, capture_output=True)
            beside.rename(place)
    return place
