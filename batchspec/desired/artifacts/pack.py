"""What a pack of local files will be, known before any of them is read.

It is a tar in GNU's format, whose bytes follow from the names, modes and contents in it; whoever writes it is in
`engine.look.machine.packs`.
"""

from __future__ import annotations

from typing import NamedTuple

from batchspec.resources.task import digest

# As in `tarfile`, which takes longer to import than a spec to validate.
_BLOCK = 512
_LONGEST_NAME = 100

RESOURCE_FILE_MODE = 0o770
"""The mode that Batch gives a resource file on Linux (FileMode, Batch REST API); so have files that come packed."""


class Pack(NamedTuple):
    """`content` stands for all that is in it so far, `size` is the tar's, in bytes."""

    content: str = ""
    size: int = 2 * _BLOCK  # its end
    files: int = 0

    def with_folder(self, name: str, mode: int) -> Pack:
        """With an empty folder, too; its *name* ends with a slash."""
        return Pack(content_with(self.content, name, mode), self.size + _header_size(name), self.files)

    def with_file(self, name: str, mode: int, size: int, md5: str) -> Pack:
        """With a file of *size* bytes, too."""
        more = _header_size(name) + padded(size)
        return Pack(content_with(self.content, name, mode, md5), self.size + more, self.files + 1)


def content_with(content: str, name: str, mode: int, md5: str = "") -> str:
    """The digest of a pack that has had *content* so far, and now *name*; an empty folder has no *md5*."""
    return digest(content, name, oct(mode), md5)


def padded(size: int) -> int:
    """How many bytes of the tar *size* bytes take."""
    return -(-size // _BLOCK) * _BLOCK


def _header_size(name: str) -> int:
    """The length of a header, which takes long to make: a long name has one of its own, ended by a NUL."""
    length = len(name.encode("utf-8", "surrogateescape"))
    own = _BLOCK + padded(length + 1) if length > _LONGEST_NAME else 0
    return own + _BLOCK
