"""Files that end: a named pipe would be waited for, and a device may never end."""

import errno
import os
import stat
from pathlib import Path
from typing import BinaryIO

_FLAGS = os.O_RDONLY | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)


def open_file(file: Path | str, buffering: int = -1) -> BinaryIO:
    """*file*, opened for reading. Raises `OSError`, also for what is no regular file."""
    stream = os.fdopen(os.open(file, _FLAGS), "rb", buffering)
    if not stat.S_ISREG(os.fstat(stream.fileno()).st_mode):
        stream.close()
        raise OSError(errno.EINVAL, "not a regular file", str(file))
    return stream
