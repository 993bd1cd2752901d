"""What a node's agent writes down: the states of its node, its start task, its tasks.

One file a node, outside of the node's folders: tasks do not see it, and a reimage leaves it.
"""

import contextlib
from pathlib import Path

from batchspec.emulator.life.account.account import Account
from batchspec.emulator.life.account.model import Node
from batchspec.emulator.state.clock import parse_time, time_text

NAME = "agent-debug.log"
_MOST_BYTES = 4 << 20  # then it begins anew, the older half thrown away


def path(account: Account, node: Node) -> Path:
    return account.settings.home / "logs" / "nodes" / node.id / NAME


def note(account: Account, node: Node, text: str) -> None:
    """One line more. What cannot be written is not: a full disk is no reason to stop."""
    file = path(account, node)
    with contextlib.suppress(OSError):
        file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with file.open("a", encoding="utf-8") as log:
            log.write(f"{time_text(account.clock.now())} INFO {text}\n")
            full = log.tell() > _MOST_BYTES
        if full:
            lines = file.read_text(encoding="utf-8").splitlines(keepends=True)
            file.write_text("".join(lines[len(lines) // 2 :]), encoding="utf-8")


def tells_of(file: Path, first: int, last: int) -> bool:
    """Whether a line of *file* is of a moment from *first* to *last*."""
    try:
        lines = file.read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        return False
    return any(first <= parse_time(line.split(" ", 1)[0]) <= last for line in lines)


def forget(account: Account, node: Node) -> None:
    """The node is gone, and its log with it."""
    file = path(account, node)
    with contextlib.suppress(OSError):
        file.unlink(missing_ok=True)
        file.parent.rmdir()
