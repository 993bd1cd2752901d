"""What an account is started with, and how fast its transitions are."""

from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Speed:
    """How long the transitions take, in seconds."""

    resize_empty: float = 0.0
    resize: float = 0.0
    node_create: float = 0.0
    node_start: float = 0.0
    node_reboot: float = 0.0
    node_leave: float = 0.0
    pool_delete: float = 0.0
    job_terminate: float = 0.0
    job_delete: float = 0.0
    schedule_delete: float = 0.0


INSTANT = Speed()
# What the recordings of the real service show (2022 to 2026).
AS_MEASURED = Speed(2.0, 40.0, 11.0, 45.0, 65.0, 95.0, 5.0, 16.0, 15.0, 5.0)


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything an account is started with.

    *home* holds its state: batch.sqlite, nodes/, logs/. *endpoint* is the public base URL. *key* is base64.
    *ffmpeg* is a folder that goes behind the machine's own PATH of tasks. Bearer tokens are off without
    *issuer_public_key* (PEM).
    """

    home: Path
    name: str
    key: str
    endpoint: str
    speed: Speed = INSTANT
    dedicated_cores: int = 100_000
    low_priority_cores: int = 100_000
    pools: int = 10_000
    active_jobs: int = 100_000
    issuer_public_key: str | None = None
    audience: str = "https://batch.core.windows.net/"
    ffmpeg: Path | None = None
    auto_storage_url: str = ""  # container URLs are made of it for autoStorageContainerName
    auto_storage_sas: str = ""  # for reading
    auto_storage_write_sas: str = (
        ""  # the nodes' managed identity stands for both of them, in this storage only
    )
    containers: str = ""  # `host`: tasks with a container run without one
    hosts: tuple[str, ...] = field(default=())  # further Host values that are taken, "name:port"
