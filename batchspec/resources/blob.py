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

    @property
    def is_folder(self) -> bool:
        """Whether it only stands for a folder.

        Storage with a hierarchical namespace lists such a blob for each folder, and tools such as AzCopy and
        blobfuse leave them elsewhere; others leave empty blobs whose name ends with a slash.
        """
        is_marked = self.metadata.get("hdi_isfolder", "").lower() == "true"
        return self.size == 0 and (is_marked or self.name.endswith("/"))
