"""uvicorn's connections, each known to the requests that come over it: so a request can cut its own."""

import asyncio
import socket
import struct
from typing import Any

from starlette.types import Receive, Scope
from uvicorn.protocols.http.auto import AutoHTTPProtocol

_AT_ONCE = struct.pack("ii", 1, 0)  # SO_LINGER on, for no time: closing sends RST, and drops what is unsent


def connection(*, app_state: dict[str, Any], **given: Any) -> asyncio.Protocol:
    """What uvicorn takes as `http`: its own protocol, which each request finds in the state of its scope."""
    state = dict(app_state)
    protocol: Any = AutoHTTPProtocol  # its type says nothing of what uvicorn makes it with
    made: asyncio.Protocol = protocol(**given, app_state=state)
    state["connection"] = made
    return made


async def cut(scope: Scope, receive: Receive) -> None:
    """The client finds its connection reset, as when the network was lost."""
    transport = scope["state"]["connection"].transport
    transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _AT_ONCE)
    transport.abort()
    while (await receive())["type"] != "http.disconnect":
        pass  # until the server knows: before, it would answer 500 for us
