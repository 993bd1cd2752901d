"""What a pure test may not do."""

import os
import socket
import subprocess
from collections.abc import Callable
from contextlib import suppress

import pytest

TRIES: list[Callable[[], object]] = [
    lambda: subprocess.run(["true"], check=True),
    lambda: os.system("true"),
    os.fork,
    socket.socket,
]


@pytest.mark.parametrize("attempt", TRIES, ids=["subprocess", "system", "fork", "socket"])
def test_a_pure_test_starts_no_process_and_opens_no_socket(attempt: Callable[[], object]) -> None:
    """Whatever it catches on the way, it fails."""
    with pytest.raises(pytest.fail.Exception, match="is pure"), suppress(Exception):
        attempt()
