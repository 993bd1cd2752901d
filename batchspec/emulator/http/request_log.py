"""What was asked of the endpoint: the last requests in memory, more of them in a file. No secret is in either."""

import json
import os
from collections import deque
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlencode

_KEPT = 20_000
_FILE_LIMIT = 32 << 20  # then it becomes the old one, and the one before that goes
_LOOK_EVERY = 10_000
# Everything else in a query could be a signature.
_SHOWN = {"api-version", "$filter", "$select", "$expand", "maxresults", "recursive", "force", "timeOut"}


class RequestLog:
    def __init__(self, path: Path) -> None:
        self.path = path
        self.count = 0
        self._ring: deque[dict[str, Any]] = deque(maxlen=_KEPT)
        self._file = self._open()

    def _open(self) -> Any:
        if self.path.exists() and self.path.stat().st_size > _FILE_LIMIT:
            self.path.replace(self.path.with_suffix(".old.jsonl"))
        return os.fdopen(os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), "w", buffering=1)

    def add(self, time: str, method: str, path: str, query: str, status: int) -> None:
        self.count += 1
        shown = urlencode([pair for pair in parse_qsl(query) if pair[0] in _SHOWN])
        entry = {
            "n": self.count,
            "time": time,
            "method": method,
            "path": path,
            "query": shown,
            "status": status,
        }
        self._ring.append(entry)
        with suppress(OSError):  # a full disk ends no request
            self._write(json.dumps(entry) + "\n")

    def _write(self, line: str) -> None:
        self._file.write(line)
        if self.count % _LOOK_EVERY == 0:
            self._file.close()
            self._file = self._open()

    def since(self, number: int) -> list[dict[str, Any]]:
        return [entry for entry in self._ring if entry["n"] > number]

    def close(self) -> None:
        with suppress(OSError):
            self._file.close()
