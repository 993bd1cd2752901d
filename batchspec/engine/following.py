"""What a task writes, while it writes it."""

from __future__ import annotations

import codecs
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from batchspec.engine.ran import Ran, read_ran
from batchspec.engine.run.written import task_bytes
from batchspec.language.model import Spec
from batchspec.service.connect import Account


@dataclass(slots=True)
class _Stream:
    """How much of a file has been read. Only whole lines are given, so that no secret in one is cut in two."""

    name: str
    read: int = 0
    rest: str = ""
    decoder: codecs.IncrementalDecoder = field(
        default_factory=lambda: codecs.getincrementaldecoder("utf-8")("replace")
    )

    def take(self, content: bytes, *, is_last: bool) -> str:
        """The lines that *content* ends; with the last content all that is left."""
        self.read += len(content)
        text = self.rest + self.decoder.decode(content, is_last)
        end = len(text) if is_last else text.rfind("\n") + 1
        self.rest = text[end:]
        return text[:end]


def follow(
    account: Account, spec: Spec, job_id: str, task_id: str, names: Sequence[str]
) -> Iterator[tuple[str, str]]:
    """Yields (file name, line) for each line appended to the files *names*, until the task completes.

    Only new bytes are read. When the task starts again on another node, so does its text.
    """
    streams: list[_Stream] = []
    last: tuple[object, ...] | None = None
    while True:
        ran = read_ran(account, spec, job_id, task_id)
        if last != (last := _try_of(ran)):
            streams = [_Stream(name) for name in names]
        for stream in streams:
            content = task_bytes(account, spec, job_id, task_id, stream.name, stream.read) or b""
            if text := stream.take(content, is_last=ran.is_over):
                yield stream.name, text
        if ran.is_over:
            return
        time.sleep(account.offer.pace.status_s)


def _try_of(ran: Ran) -> tuple[object, ...]:
    """What differs between two tries of one task."""
    return ran.node, ran.started
