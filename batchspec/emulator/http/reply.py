"""What is answered to a request."""

from dataclasses import dataclass, field
from pathlib import Path

JSON = "application/json; odata=minimalmetadata"


@dataclass(slots=True)
class Reply:
    status: int
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    file: Path | None = None
    span: tuple[int, int] = (0, 0)  # first byte and number of bytes of *file*
