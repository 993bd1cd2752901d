"""What Batch refuses of a pool, as far as the spec alone tells: ports, ids of Azure resources, the operating system.

Source: the property descriptions of azure-batch 15.1; FACTS 3 and 6. `batchspec/emulator/http/refusals.py` states the
same for the local account.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable, Iterator
from itertools import pairwise
from typing import Any, NamedTuple

from batchspec.codes import Code
from batchspec.language.ended import check_ended
from batchspec.language.finding import Finding
from batchspec.language.templates.deferred import Deferred
from batchspec.patterns import lazy_regex
from batchspec.resources.base import Json
from batchspec.source import Path

_POOL: Path = ("pool",)
_MACHINE: Path = (*_POOL, "virtualMachineConfiguration")
_NETWORK: Path = (*_POOL, "networkConfiguration")
_NAT_POOLS: Path = (*_NETWORK, "endpointConfiguration", "inboundNATPools")

_LEAST_PORTS = 40
_MOST_RULES = 25
_RESERVED = (50000, 55000)
_TAG = lazy_regex(r"[A-Za-z][A-Za-z0-9]*(\.[A-Za-z0-9]+)?")

_GROUP = r"/subscriptions/[^/]+/resourceGroups/[^/]+/providers"
_NOBODY = "/subscriptions/00000000-0000-0000-0000-000000000000/"
_IN = "/subscriptions/…/resourceGroups/…/providers"


class _Kind(NamedTuple):
    """A kind of Azure resource: its name, the pattern of its ids, and that pattern for people."""

    name: str
    pattern: str
    form: str


_IMAGE = _Kind(
    "a gallery image",
    rf"{_GROUP}/Microsoft\.Compute/(images/[^/]+|galleries/[^/]+/images/[^/]+(/versions/[^/]+)?)",
    f"{_IN}/Microsoft.Compute/galleries/GALLERY/images/IMAGE[/versions/VERSION]",
)
_SUBNET = _Kind(
    "a subnet",
    rf"{_GROUP}/Microsoft\.Network/virtualNetworks/[^/]+/subnets/[^/]+",
    f"{_IN}/Microsoft.Network/virtualNetworks/NETWORK/subnets/SUBNET",
)
_ADDRESS = _Kind(
    "a public IP address",
    rf"{_GROUP}/Microsoft\.Network/publicIPAddresses/[^/]+",
    f"{_IN}/Microsoft.Network/publicIPAddresses/NAME",
)

# Families of node agents by the publisher of the image that they are for.
_AGENTS = {
    "almalinux": "el",
    "canonical": "ubuntu",
    "debian": "debian",
    "microsoftwindowsserver": "windows",
    "microsoftwindowsdesktop": "windows",
}


def check_pool(body: Json) -> Iterator[Finding]:
    """*body* is a pool as it is sent, its templates rendered."""
    network, machine = body.get("networkConfiguration") or {}, body.get("virtualMachineConfiguration") or {}
    nat_pools = (network.get("endpointConfiguration") or {}).get("inboundNATPools") or []
    yield from _nat_pools(nat_pools)
    yield from _rules(nat_pools)
    yield from _public(network)
    yield from _resource_ids(network, machine)
    yield from _system(body, machine)
    yield from check_ended(machine)
    yield from _disks(machine)
    yield from _formula(body)


def _formula(body: Json) -> Iterator[Finding]:
    text = body.get("autoScaleFormula")
    if not isinstance(text, str) or isinstance(text, Deferred):
        return
    from batchspec.formula.syntax import At, FormulaSyntaxError, parse  # not before there is a formula

    try:
        parse(text)
    except FormulaSyntaxError as error:
        rule = "a formula is statements: `name = expression;`"
        span = At(error.line, error.column).span(text)
        yield Finding(Code.FORMULA, (*_POOL, "autoScaleFormula"), error.message, rule, span=span)


# Ports ------------------------------------------------------------------------------------


def _nat_pools(pools: list[Json]) -> Iterator[Finding]:
    for i, pool in enumerate(pools):
        first, last = pool["frontendPortRangeStart"], pool["frontendPortRangeEnd"]
        path = (*_NAT_POOLS, i, "frontendPortRangeEnd")
        if last - first + 1 < _LEAST_PORTS:
            what = f"{first} to {last} is {max(0, last - first + 1)} ports"
            yield Finding(Code.PORTS, path, what, f"a range has at least {_LEAST_PORTS} ports")
        elif first < _RESERVED[0] and last > _RESERVED[1]:
            what = f"{first} to {last} includes ports that Batch reserves"
            yield Finding(Code.PORTS, path, what, f"{_RESERVED[0]} to {_RESERVED[1]} are reserved")
    spans = sorted(
        (pool["frontendPortRangeStart"], pool["frontendPortRangeEnd"], i) for i, pool in enumerate(pools)
    )
    for one, other in pairwise(spans):
        if other[0] <= one[1]:
            what = f"{other[0]} to {other[1]} overlaps {one[0]} to {one[1]}"
            path = (*_NAT_POOLS, other[2], "frontendPortRangeStart")
            yield Finding(Code.PORTS, path, what, "port ranges of a pool must not overlap")
    for name in ("name", "backendPort"):
        yield from _repeated(((*_NAT_POOLS, i, name), pool[name]) for i, pool in enumerate(pools))


def check_sizes(sizes: Iterable[str]) -> Iterator[Finding]:
    """A VM size that is in the list twice: upper and lower case make no difference to Batch."""
    return _repeated((("pool", "vmSize", i), size) for i, size in enumerate(sizes))


def _repeated(values: Iterable[tuple[Path, Any]]) -> Iterator[Finding]:
    seen = set()
    for path, value in values:
        key = str(value).lower()
        if key in seen:
            yield Finding(Code.NOT_UNIQUE, path, f"{value} is used twice", "must be unique within the pool")
        seen.add(key)


def _rules(pools: list[Json]) -> Iterator[Finding]:
    """What is wrong with the rules of access of all ports."""
    rules = [
        ((*_NAT_POOLS, i, "networkSecurityGroupRules", j), rule)
        for i, pool in enumerate(pools)
        for j, rule in enumerate(pool.get("networkSecurityGroupRules") or ())
    ]
    if len(rules) > _MOST_RULES:
        what = f"the pool has {len(rules)} network security group rules"
        yield Finding(Code.PORTS, rules[_MOST_RULES][0], what, f"at most {_MOST_RULES} in a pool")
    yield from _repeated(((*path, "priority"), rule["priority"]) for path, rule in rules)
    for path, rule in rules:
        prefix = rule["sourceAddressPrefix"]
        if not _is_prefix(prefix):
            what = f"{prefix!r} is not an address prefix"
            help = "an IP address, a subnet such as 10.0.0.0/24, a service tag such as Internet, or *"
            yield Finding(Code.ADDRESS, (*path, "sourceAddressPrefix"), what, "", help)
        yield from _source_ports((*path, "sourcePortRanges"), rule.get("sourcePortRanges") or ())


def _is_prefix(text: str) -> bool:
    if text == "*" or _TAG.fullmatch(text):
        return True
    try:
        ipaddress.ip_network(text, strict=False)
    except ValueError:
        return False
    return True


def _source_ports(path: Path, ranges: Iterable[str]) -> Iterator[Finding]:
    spans = []
    for i, text in enumerate(ranges):
        first, _, last = ("0-65535" if text == "*" else text).partition("-")
        span = (int(first), int(last or first))
        spans.append((*span, i, text))
        if not span[0] <= span[1] <= 65535:
            yield Finding(Code.PORTS, (*path, i), f"{text} is not a range of ports", "ports are 0 to 65535")
    for one, other in pairwise(sorted(spans)):
        if other[0] <= one[1]:
            what = f"{other[3]} overlaps {one[3]}"
            yield Finding(Code.PORTS, (*path, other[2]), what, "the ranges of a rule must not overlap")


def _public(network: Json) -> Iterator[Finding]:
    provision = (network.get("publicIPAddressConfiguration") or {}).get("provision")
    if provision == "nopublicipaddresses" and "endpointConfiguration" in network:
        yield Finding(
            Code.CONTRADICTION,
            (*_NETWORK, "endpointConfiguration"),
            "the pool has no public IP addresses",
            "ports cannot be reached without one",
            "remove `endpointConfiguration`, or `provision: nopublicipaddresses`",
        )


# Azure resource ids -----------------------------------------------------------------------


def _resource_ids(network: Json, machine: Json) -> Iterator[Finding]:
    subnet, image = (
        network.get("subnetId"),
        (machine.get("imageReference") or {}).get("virtualMachineImageId"),
    )
    addresses = (network.get("publicIPAddressConfiguration") or {}).get("ipAddressIds") or ()
    yield from _resource_id((*_NETWORK, "subnetId"), subnet, _SUBNET)
    for i, address in enumerate(addresses):
        path = (*_NETWORK, "publicIPAddressConfiguration", "ipAddressIds", i)
        yield from _resource_id(path, address, _ADDRESS)
    path = (*_MACHINE, "imageReference", "virtualMachineImageId")
    yield from _resource_id(path, image, _IMAGE)


def check_job_network(job: Json) -> Iterator[Finding]:
    path = ("job", "networkConfiguration", "subnetId")
    subnet = (job.get("networkConfiguration") or {}).get("subnetId")
    yield from _resource_id(path, subnet, _SUBNET)


def _resource_id(path: Path, text: str | None, kind: _Kind) -> Iterator[Finding]:
    if text is None:
        return
    if not re.fullmatch(kind.pattern, text, re.I):
        yield Finding(Code.RESOURCE_ID, path, f"not the resource id of {kind.name}", f"expected {kind.form}")
    elif text.lower().startswith(_NOBODY):
        rule = "must be in the subscription of the Batch account"
        yield Finding(Code.RESOURCE_ID, path, "no subscription has this id", rule)


# The operating system ---------------------------------------------------------------------


def is_windows(machine: Json) -> bool:
    """Whether nodes made of this virtualMachineConfiguration run Windows, by the names of image and agent."""
    publisher = str((machine.get("imageReference") or {}).get("publisher", ""))
    return "windows" in f"{publisher} {machine.get('nodeAgentSKUId', '')}".lower()


def _system(body: Json, machine: Json) -> Iterator[Finding]:
    if not machine:
        return
    yield from _agent(machine)
    windows = is_windows(machine)
    if windows:
        yield from _updates(body, machine)
        return
    if "windowsConfiguration" in machine:
        yield _not_on_linux((*_MACHINE, "windowsConfiguration"))
    for i, account in enumerate(body.get("userAccounts") or ()):
        if "windowsUserConfiguration" in account:
            yield _not_on_linux((*_POOL, "userAccounts", i, "windowsUserConfiguration"))


def _not_on_linux(path: Path) -> Finding:
    return Finding(Code.WRONG_SYSTEM, path, "the image of the pool is not Windows", "for Windows pools only")


def _agent(machine: Json) -> Iterator[Finding]:
    image, agent = machine.get("imageReference") or {}, machine.get("nodeAgentSKUId")
    family = _AGENTS.get(str(image.get("publisher", "")).lower())
    if agent and family and not agent.lower().startswith(f"batch.node.{family} "):
        yield Finding(
            Code.WRONG_SYSTEM,
            (*_MACHINE, "nodeAgentSKUId"),
            f"{agent!r} does not fit images of {image['publisher']}",
            f"these need an agent whose name begins with `batch.node.{family}`",
        )


def _updates(body: Json, machine: Json) -> Iterator[Finding]:
    upgrade = (body.get("upgradePolicy") or {}).get("automaticOSUpgradePolicy") or {}
    updates = (machine.get("windowsConfiguration") or {}).get("enableAutomaticUpdates")
    if upgrade.get("enableAutomaticOSUpgrade") and updates:
        yield Finding(
            Code.CONTRADICTION,
            (*_MACHINE, "windowsConfiguration", "enableAutomaticUpdates"),
            "the upgrade policy updates the image already",
            "enableAutomaticOSUpgrade is true",
            "set it to false: Batch takes only one of the two",
        )


def _disks(machine: Json) -> Iterator[Finding]:
    disks = machine.get("dataDisks") or ()
    yield from _repeated(((*_MACHINE, "dataDisks", i, "lun"), disk["lun"]) for i, disk in enumerate(disks))
    encrypted = (machine.get("diskEncryptionConfiguration") or {}).get("targets")
    image = machine.get("imageReference") or {}
    if encrypted and image and "publisher" not in image and not is_windows(machine):
        yield Finding(
            Code.CONTRADICTION,
            (*_MACHINE, "diskEncryptionConfiguration"),
            "a Linux pool made from a gallery image cannot encrypt its disks",
            "Batch does not support it",
            "use a marketplace image, or encryption at host (`securityProfile.encryptionAtHost`)",
        )
