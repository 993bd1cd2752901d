"""A declarative runner for Azure Batch: one YAML spec, validated, planned and applied.

`Workload` is all of it, for Python; docs/python-api.md has examples. What it raises is in `batchspec.errors`, what
an apply tells in `batchspec.events`.
"""

from typing import TYPE_CHECKING, Any

from batchspec.version import __version__

if TYPE_CHECKING:
    from batchspec.workload.workload import Workload

__all__ = ("Workload", "__version__")


def __getattr__(name: str) -> Any:
    """`Workload` is imported when somebody asks for it: commands that need none of it start faster."""
    if name != "Workload":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from batchspec.workload.workload import Workload

    return Workload


def __dir__() -> tuple[str, ...]:
    return __all__
