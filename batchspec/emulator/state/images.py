"""What images there are, as far as it is known here, and which node agent goes with which of them.

After the service's notices of 2024 to 2026 and its list of 2022, without what has been retired since: not its whole
list. An image or agent that is not here and not known to have ended may well exist.
"""

import re
from typing import NamedTuple

WINDOWS_AGENT = "batch.node.windows amd64"
DOCKER = "DockerCompatible"


class Image(NamedTuple):
    """*end* is the day on which Batch's support ends, or nothing."""

    publisher: str
    offer: str
    sku: str
    agent: str
    capabilities: tuple[str, ...] = ()
    end: str = ""


_GEN2 = ("Generation2VMImage",)
_HPC = (DOCKER, "NvidiaTeslaDriverInstalled", "Generation2VMImage")
_JAMMY, _NOBLE = "batch.node.ubuntu 22.04", "batch.node.ubuntu 24.04"
_JAMMY_END = "2027-06-30"
_SERVER = ("microsoftwindowsserver", "windowsserver")

IMAGES = (
    Image("almalinux", "almalinux-x86_64", "8-gen1", "batch.node.el 8"),
    Image("almalinux", "almalinux-x86_64", "8-gen2", "batch.node.el 8", _GEN2),
    Image("canonical", "0001-com-ubuntu-server-jammy", "22_04-lts", _JAMMY, (), _JAMMY_END),
    Image("canonical", "0001-com-ubuntu-server-jammy", "22_04-lts-gen2", _JAMMY, _GEN2, _JAMMY_END),
    Image("canonical", "ubuntu-24_04-lts", "server", _NOBLE, _GEN2),
    Image("canonical", "ubuntu-24_04-lts", "server-gen1", _NOBLE),
    Image("microsoft-dsvm", "ubuntu-hpc", "2204", _JAMMY, _HPC, _JAMMY_END),
    Image("microsoft-dsvm", "ubuntu-hpc", "2404", _NOBLE, _HPC),
    Image(*_SERVER, "2016-datacenter-smalldisk", WINDOWS_AGENT, (), "2027-01-12"),
    Image(*_SERVER, "2019-datacenter", WINDOWS_AGENT),
    Image(*_SERVER, "2019-datacenter-core", WINDOWS_AGENT),
    Image(*_SERVER, "2022-datacenter", WINDOWS_AGENT),
    Image(*_SERVER, "2022-datacenter-g2", WINDOWS_AGENT, _GEN2),
)

# Agents that are gone, with the images that only they fit (Azure/Batch#174, #180).
_ENDED_AGENT = re.compile(r"batch\.node\.(ubuntu (14|16|18|20)\.04|centos \d+|debian (8|9|10))", re.I)
# Images that are gone: (publisher, offer, sku) (Azure/Batch#174, #179, #180).
_ENDED_IMAGES = (
    re.compile(r"canonical/(ubuntuserver|0001-com-ubuntu-server-(xenial|bionic|focal)[^/]*)/.*", re.I),
    re.compile(r"microsoft-azure-batch/(ubuntu-server|centos)-container[^/]*/.*", re.I),
    re.compile(r"openlogic/centos[^/]*/.*", re.I),
    re.compile(r"(credativ/debian/(8|9)|debian/debian-10/.*)", re.I),
    re.compile(r"microsoftwindowsserver/windowsserver/2012-.*", re.I),
)
# What an agent may be called: families that Batch has or had, in any version.
_AGENT = re.compile(
    r"batch\.node\.(windows amd64|ubuntu \d\d\.04|(debian|el|centos|sles) \d+|(mariner|azurelinux|opensuse) [\d.]+)",
    re.I,
)
# The family of agents that the images of these publishers need.
_FAMILIES = {
    "almalinux": "el",
    "canonical": "ubuntu",
    "debian": "debian",
    "microsoftwindowsserver": "windows",
    "microsoftwindowsdesktop": "windows",
}


def find(publisher: str, offer: str, sku: str) -> Image | None:
    """The image of these names, which are compared without regard to case; None when it is not known here."""
    names = (publisher.lower(), offer.lower(), sku.lower())
    return next((image for image in IMAGES if image[:3] == names), None)


def not_supported(publisher: str, offer: str, sku: str) -> str:
    """What the service says of an image that it does not take."""
    return (
        f"The specified imageReference with publisher {publisher} offer {offer} sku {sku} is not supported."
    )


def has_ended(publisher: str, offer: str, sku: str) -> bool:
    name = f"{publisher}/{offer}/{sku}"
    return any(ended.fullmatch(name) for ended in _ENDED_IMAGES)


def is_agent(agent: str) -> bool:
    """Whether there may be such a node agent today."""
    return bool(_AGENT.fullmatch(agent)) and not _ENDED_AGENT.fullmatch(agent)


def is_windows(agent: str) -> bool:
    return agent.lower() == WINDOWS_AGENT


def fits(agent: str, publisher: str, offer: str, sku: str) -> bool:
    """False when the image is known to need another agent."""
    image = find(publisher, offer, sku)
    if image is not None:
        return agent.lower() == image.agent
    family = _FAMILIES.get(publisher.lower())
    return family is None or agent.lower().startswith(f"batch.node.{family} ")
