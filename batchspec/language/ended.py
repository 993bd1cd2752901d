"""Images and node agents whose support has ended: no pool is made of them any more.

Source: the service's notices (Azure/Batch#174, #179, #180). `batchspec/emulator/state/images.py` has the same for the
local account. Of what ends later, and of all other images, `plan` asks the account. It is a warning: a pool that
is there can be used, compared and imported.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from batchspec.codes import Code
from batchspec.language.finding import Finding
from batchspec.patterns import lazy_regex
from batchspec.resources.base import Json
from batchspec.source import Path, Severity

_MACHINE: Path = ("pool", "virtualMachineConfiguration")
_AGENT = lazy_regex(r"batch\.node\.(ubuntu (14|16|18|20)\.04|centos \d+|debian (8|9|10))", re.I)
_IMAGES = (
    lazy_regex(r"canonical:(ubuntuserver|0001-com-ubuntu-server-(xenial|bionic|focal)[^:]*):.*", re.I),
    lazy_regex(r"microsoft-azure-batch:(ubuntu-server|centos)-container[^:]*:.*", re.I),
    lazy_regex(r"openlogic:centos[^:]*:.*", re.I),
    lazy_regex(r"(credativ:debian:(8|9)|debian:debian-10:.*)", re.I),
    lazy_regex(r"microsoftwindowsserver:windowsserver:2012-.*", re.I),
)
_HELP = "move to a newer image: az batch pool supported-images list"


def check_ended(machine: Json) -> Iterator[Finding]:
    """*machine* is a virtualMachineConfiguration."""
    image, agent = machine.get("imageReference") or {}, str(machine.get("nodeAgentSKUId", ""))
    name = ":".join(str(image.get(part, "")) for part in ("publisher", "offer", "sku"))
    if any(ended.fullmatch(name) for ended in _IMAGES):
        yield _ended((*_MACHINE, "imageReference"), f"the image {name}")
    elif _AGENT.fullmatch(agent):
        yield _ended((*_MACHINE, "nodeAgentSKUId"), f"the node agent {agent!r}")


def _ended(path: Path, what: str) -> Finding:
    said = f"Batch's support for {what} has ended"
    return Finding(Code.IMAGE_SUPPORT_ENDED, path, said, "no new pools", _HELP, severity=Severity.WARNING)
