"""What the service refuses of a pool's network: ports, rules of access, ids of Azure resources.

Source: the property descriptions of BatchInboundNatPool, BatchPoolEndpointConfiguration, NetworkSecurityGroupRule,
NetworkConfiguration and BatchPublicIpAddressConfiguration (azure-batch 15.1); the sentences on ids of other
subscriptions and of other forms were recorded (pools-create-2024-07-01.20.0.json).
"""

import ipaddress
import re
from collections.abc import Iterable, Mapping
from itertools import pairwise
from typing import Any

from batchspec.emulator.state.errors import invalid_property

Body = Mapping[str, Any]
Span = tuple[int, int]

_NAT_NAME = re.compile(r"[A-Za-z0-9]([A-Za-z0-9_.-]{0,75}[A-Za-z0-9_])?")
_BACKEND_RESERVED = (29876, 29877)
_FRONTEND_RESERVED: Span = (50000, 55000)
_NAT_POOLS, _NAT_PORTS, _NSG_RULES = 5, 40, 25  # at most in a pool, at least in a range, at most in a pool
_TAG = re.compile(r"[A-Za-z][A-Za-z0-9]*(\.[A-Za-z0-9]+)?")
_PORTS = re.compile(r"(\d{1,5})(?:-(\d{1,5}))?")

NOWHERE = "00000000-0000-0000-0000-000000000000"  # the subscription that nobody has
_GROUP = r"/subscriptions/(?P<subscription>[^/]+)/resourceGroups/[^/]+/providers"
_SUBNET = re.compile(rf"{_GROUP}/Microsoft\.Network/virtualNetworks/[^/]+/subnets/[^/]+", re.I)
_ADDRESS = re.compile(rf"{_GROUP}/Microsoft\.Network/publicIPAddresses/[^/]+", re.I)


def nat_pool(body: Body) -> None:
    if not _NAT_NAME.fullmatch(body["name"]):
        raise invalid_property("name", body["name"], "The name is not valid for an inbound NAT pool")
    if body["backendPort"] in _BACKEND_RESERVED:
        raise invalid_property("backendPort", body["backendPort"], "The port is reserved")
    first, last = _span(body)
    for name, port in (("frontendPortRangeStart", first), ("frontendPortRangeEnd", last)):
        if _overlap((port, port), _FRONTEND_RESERVED):
            raise invalid_property(name, port, "Ports from 50000 to 55000 are reserved")
    if last - first + 1 < _NAT_PORTS:
        raise invalid_property("frontendPortRangeEnd", last, f"A range has at least {_NAT_PORTS} ports")
    if _overlap((first, last), _FRONTEND_RESERVED):
        raise invalid_property("frontendPortRangeEnd", last, "Ports from 50000 to 55000 are reserved")


def _span(body: Body) -> Span:
    return body["frontendPortRangeStart"], body["frontendPortRangeEnd"]


def _overlap(one: Span, other: Span) -> bool:
    return one[0] <= other[1] and other[0] <= one[1]


def endpoints(body: Body) -> None:
    """What the NAT pools of a pool are to each other."""
    pools = body["inboundNATPools"]
    if len(pools) > _NAT_POOLS:
        raise invalid_property("inboundNATPools", "", f"A pool has at most {_NAT_POOLS} inbound NAT pools")
    for name in ("name", "backendPort"):
        _require_distinct(name, (pool[name] for pool in pools))
    for one, other in pairwise(sorted(map(_span, pools))):
        if _overlap(one, other):
            raise invalid_property("frontendPortRangeStart", other[0], "The ranges of ports overlap")
    rules = [rule for pool in pools for rule in pool.get("networkSecurityGroupRules", ())]
    if len(rules) > _NSG_RULES:
        raise invalid_property("networkSecurityGroupRules", "", f"A pool has at most {_NSG_RULES} rules")
    _require_distinct("priority", (rule["priority"] for rule in rules))


def _require_distinct(name: str, values: Iterable[Any]) -> None:
    seen = set()
    for value in values:
        key = value.lower() if isinstance(value, str) else value
        if key in seen:
            raise invalid_property(name, value, "The value must be unique within the pool")
        seen.add(key)


def security_rule(body: Body) -> None:
    prefix = body["sourceAddressPrefix"]
    if not _is_prefix(prefix):
        reason = "The value is not an IP address, an IP subnet, a default tag or *"
        raise invalid_property("sourceAddressPrefix", prefix, reason)
    spans = sorted(map(_source_ports, body.get("sourcePortRanges", ())))
    if any(_overlap(one, other) for one, other in pairwise(spans)):
        raise invalid_property("sourcePortRanges", body["sourcePortRanges"], "The ranges of ports overlap")


def _is_prefix(text: str) -> bool:
    if text == "*" or _TAG.fullmatch(text):
        return True
    try:
        ipaddress.ip_network(text, strict=False)
    except ValueError:
        return False
    return True


def _source_ports(text: str) -> Span:
    match = _PORTS.fullmatch(text)
    first, last = (0, 65535) if text == "*" else (1, 0)
    if match:
        first, last = int(match[1]), int(match[2] or match[1])
    if not first <= last <= 65535:
        raise invalid_property("sourcePortRanges", text, "The value is not *, a port or a range of ports")
    return first, last


def network(body: Body) -> None:
    if "subnetId" in body:
        require_id("subnetId", body["subnetId"], _SUBNET, _SUBNET_FORM)
    public = body.get("publicIPAddressConfiguration", {})
    if "endpointConfiguration" in body and public.get("provision") == "nopublicipaddresses":
        reason = "The property cannot be specified when the pool has no public IP addresses"
        raise invalid_property("endpointConfiguration", "", reason)


def public_addresses(body: Body) -> None:
    for text in body.get("ipAddressIds", ()):
        require_id("ipAddressIds", text, _ADDRESS, _ADDRESS_FORM)


def job_network(body: Body) -> None:
    require_id("subnetId", body["subnetId"], _SUBNET, _SUBNET_FORM)


_ELSEWHERE = "is in a different subscription and cannot be used with the current Batch account"
_FORM = "/subscriptions/{subscriptionId}/resourceGroups/{resourceGroupName}/providers/"
_SUBNET_FORM = f"{_FORM}Microsoft.Network/virtualNetworks/{{virtualNetworkName}}/subnets/{{subnetName}}"
_ADDRESS_FORM = f"{_FORM}Microsoft.Network/publicIPAddresses/{{publicIPAddressName}}"


def require_id(name: str, text: str, pattern: re.Pattern[str], form: str) -> None:
    """*text* is the id of such a resource, in a subscription that may be the account's."""
    match = pattern.fullmatch(text)
    if not match:
        raise invalid_property(name, text, f"The specified resource id must be of the format {form}")
    if match["subscription"] == NOWHERE:
        raise invalid_property(name, text, f"The specified {name} {_ELSEWHERE}")
