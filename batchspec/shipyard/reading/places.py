"""Where data lies: remote paths, and local paths that commands name."""

from __future__ import annotations

import re
from collections.abc import Collection
from itertools import count

_WORKING = re.compile(r"^\$\{?AZ_BATCH_TASK_(?:WORKING_DIR|DIR\}?/wd)\}?/?")
_TASK = re.compile(r"^\$\{?AZ_BATCH_TASK_DIR\}?/?")


def split_remote(path: str) -> tuple[str, str]:
    """A remote path's container, and the prefix of its blobs: with a slash behind it, or ""."""
    container, _, below = path.strip("/").partition("/")
    return container, f"{below}/" if below else ""


def in_working_directory(local: str) -> str:
    """*local* relative to the task's working directory: "" for that itself, as it is where it lies elsewhere."""
    if not local or _TASK.fullmatch(local):
        return ""
    return _WORKING.sub("", local).strip("/") if _WORKING.match(local) else local.rstrip("/")


def is_elsewhere(local: str) -> bool:
    """Whether *local* is outside of the working directory."""
    return local.startswith(("$", "/", "%"))


def name_of(text: str, taken: Collection[str] = ()) -> str:
    """A name for a file or a group, made of *text*; with a number where it is *taken*."""
    base = re.sub(r"[^A-Za-z0-9_]+", "_", text).strip("_")[:28] or "data"
    base = base if base[0].isalpha() else f"n{base}"
    names = (base if number == 1 else f"{base}{number}" for number in count(1))
    return next(name for name in names if name not in taken)
