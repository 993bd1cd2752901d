"""Python imports this at the start of a command under a wire: what the command sends over http goes there first.

A proxy in the environment would not do: nothing for this machine is sent to one.
"""

import http.client
import os
import socket
from collections.abc import Callable

VARIABLE = "BATCHSPEC_TEST_WIRE"
_connect = http.client.HTTPConnection.connect


def through(port: int) -> Callable[[http.client.HTTPConnection], None]:
    """In place of `HTTPConnection.connect`: the connection ends at the wire on *port*, which reads `Host`."""

    def connect(connection: http.client.HTTPConnection) -> None:
        if isinstance(connection, http.client.HTTPSConnection):
            _connect(connection)
        else:
            connection.sock = socket.create_connection(("127.0.0.1", port), connection.timeout)

    return connect


if port := os.environ.get(VARIABLE):
    http.client.HTTPConnection.connect = through(int(port))  # type: ignore[method-assign]
