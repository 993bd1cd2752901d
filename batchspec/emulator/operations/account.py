"""What is asked of the account itself: images, applications, usage."""

from batchspec.emulator.http.call import Call, Reply, list_of
from batchspec.emulator.life.model import Body
from batchspec.emulator.state.errors import ApiError

_WINDOWS = "batch.node.windows amd64"
# (publisher, offer, sku, agent, verified, capabilities, end of support); after the notices of 2024 to 2026 and the list
# of 2022, without what has been retired since. Not the service's whole list.
_IMAGES = (
    ("almalinux", "almalinux-x86_64", "8-gen1", "batch.node.el 8", True, (), ""),
    ("almalinux", "almalinux-x86_64", "8-gen2", "batch.node.el 8", True, ("Generation2VMImage",), ""),
    (
        "canonical",
        "0001-com-ubuntu-server-jammy",
        "22_04-lts",
        "batch.node.ubuntu 22.04",
        True,
        (),
        "2027-06-30",
    ),
    (
        "canonical",
        "0001-com-ubuntu-server-jammy",
        "22_04-lts-gen2",
        "batch.node.ubuntu 22.04",
        True,
        ("Generation2VMImage",),
        "2027-06-30",
    ),
    ("canonical", "ubuntu-24_04-lts", "server", "batch.node.ubuntu 24.04", True, ("Generation2VMImage",), ""),
    ("canonical", "ubuntu-24_04-lts", "server-gen1", "batch.node.ubuntu 24.04", True, (), ""),
    (
        "microsoft-dsvm",
        "ubuntu-hpc",
        "2204",
        "batch.node.ubuntu 22.04",
        True,
        ("DockerCompatible", "NvidiaTeslaDriverInstalled", "Generation2VMImage"),
        "2027-06-30",
    ),
    (
        "microsoft-dsvm",
        "ubuntu-hpc",
        "2404",
        "batch.node.ubuntu 24.04",
        True,
        ("DockerCompatible", "NvidiaTeslaDriverInstalled", "Generation2VMImage"),
        "",
    ),
    (
        "microsoftwindowsserver",
        "windowsserver",
        "2016-datacenter-smalldisk",
        _WINDOWS,
        True,
        (),
        "2027-01-12",
    ),
    ("microsoftwindowsserver", "windowsserver", "2019-datacenter", _WINDOWS, True, (), ""),
    ("microsoftwindowsserver", "windowsserver", "2019-datacenter-core", _WINDOWS, True, (), ""),
    ("microsoftwindowsserver", "windowsserver", "2022-datacenter", _WINDOWS, True, (), ""),
    (
        "microsoftwindowsserver",
        "windowsserver",
        "2022-datacenter-g2",
        _WINDOWS,
        True,
        ("Generation2VMImage",),
        "",
    ),
)


def list_supported_images(call: Call) -> Reply:
    images = [_image(*image) for image in _IMAGES]
    return list_of(call, "supportedimages", ((f"{number:04d}", image) for number, image in enumerate(images)))


def _image(
    publisher: str, offer: str, sku: str, agent: str, good: bool, capabilities: tuple[str, ...], end: str
) -> Body:
    found: Body = {
        "imageReference": {"publisher": publisher, "offer": offer, "sku": sku, "version": "latest"},
        "verificationType": "verified" if good else "unverified",
        "nodeAgentSKUId": agent,
        "osType": "windows" if "windows" in agent else "linux",
    }
    if capabilities:
        found["capabilities"] = list(capabilities)
    if end:
        found["batchSupportEndOfLife"] = f"{end}T00:00:00Z"
    return found


def list_applications(call: Call) -> Reply:
    return list_of(call, "applications", ())


def get_application(_: Call) -> Reply:
    raise ApiError("ApplicationNotFound")


def list_pool_usage_metrics(call: Call) -> Reply:
    return list_of(call, "poolusagemetrics", ())
