"""What we know of blobs."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class LiveBlob:
    """A blob as a listing tells of it. `md5` is hexadecimal, empty where the blob has none."""

    name: str
    size: int
    md5: str
    etag: str
    metadata: Mapping[str, str] = field(default_factory=dict)
