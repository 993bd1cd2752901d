"""The folder that Batch Shipyard was pointed at with `--configdir`."""

from __future__ import annotations

import os
from pathlib import Path
from typing import NamedTuple

from batchspec.document.parser import decode, parse
from batchspec.errors import UsageError
from batchspec.shipyard.reading.settings import Settings

_ENDINGS = (".yaml", ".yml", ".json")


class Configuration(NamedTuple):
    """What stands in the four files; `config` and `credentials` are empty where there is no such file."""

    pool: Settings
    jobs: list[Settings]
    config: Settings
    credentials: Settings


def read_folder(folder: Path) -> Configuration:
    """Raises `UsageError` where pool and jobs are not both there, and `SpecError` for what is no YAML."""
    pool, jobs = (_settings(folder, name) for name in ("pool", "jobs"))
    missing = [name for name, found in (("pool.yaml", pool), ("jobs.yaml", jobs)) if not found]
    if missing:
        raise UsageError(
            f"{folder} has no {' and no '.join(missing)}",
            help="name the folder that Batch Shipyard took with --configdir",
        )
    return Configuration(
        pool.inside("pool_specification"),
        jobs.each("job_specifications"),
        _settings(folder, "config"),
        _settings(folder, "credentials").inside("credentials"),
    )


def _settings(folder: Path, name: str) -> Settings:
    for ending in _ENDINGS:
        file = folder / f"{name}{ending}"
        if os.path.isfile(file):  # noqa: PTH113 (of a name that is too long, a Path raises)
            return Settings(parse(decode(file.read_bytes(), str(file))).data, name)
    return Settings({}, name)
