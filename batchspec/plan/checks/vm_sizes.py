"""What a VM size's name tells: its cores, and whether Azure is taking its family out of service."""

from __future__ import annotations

import re
from datetime import date
from typing import NamedTuple

AS_OF = date(2026, 9, 24)
SOURCE = (
    "MicrosoftDocs/azure-compute-docs, articles/virtual-machines/sizes/lifecycle/"
    "retirements-and-capacity-restrictions.md"
)


class Retirement(NamedTuple):
    """A family of VM sizes and the day after which Azure runs none of it."""

    family: str
    sizes: str  # a regular expression for the name, in lower case and without `standard_`
    day: date


_D_AND_LS = date(2028, 5, 1)
_A_TO_L = date(2028, 11, 15)
_V3 = date(2029, 11, 15)
_HPC = date(2027, 5, 31)
_CC = date(2026, 9, 1)
_M192 = date(2027, 3, 31)
_NV = date(2026, 9, 30)
_NCV3 = date(2025, 9, 30)

RETIREMENTS = (
    Retirement("A (first version)", r"a\d+", date(2024, 8, 31)),
    Retirement("D", r"d\d+", _D_AND_LS),
    Retirement("Ds", r"ds\d+(-\d+)?", _D_AND_LS),
    Retirement("Dv2", r"d\d+_v2", _D_AND_LS),
    Retirement("Dsv2", r"ds\d+(-\d+)?_v2", _D_AND_LS),
    Retirement("Ls", r"l\d+s", _D_AND_LS),
    Retirement("Av2", r"a\d+m?_v2", _A_TO_L),
    Retirement("B (first version)", r"b\d+[a-z]*", _A_TO_L),
    Retirement("F", r"f\d+", _A_TO_L),
    Retirement("Fs", r"f\d+s", _A_TO_L),
    Retirement("Fsv2", r"f\d+s_v2", _A_TO_L),
    Retirement("G", r"g\d+", _A_TO_L),
    Retirement("Gs", r"gs\d+(-\d+)?", _A_TO_L),
    Retirement("Lsv2", r"l\d+s_v2", _A_TO_L),
    Retirement("Dv3", r"d\d+_v3", _V3),
    Retirement("Dsv3", r"d\d+(-\d+)?s_v3", _V3),
    Retirement("Ev3", r"e\d+i?_v3", _V3),
    Retirement("Esv3", r"e\d+(-\d+)?i?s_v3", _V3),
    Retirement("DCsv2", r"dc\d+s_v2", date(2026, 6, 30)),
    Retirement("DCsv3 and DCdsv3", r"dc\d+d?s_v3", date(2029, 10, 31)),
    Retirement("DCas_cc_v5 and DCads_cc_v5", r"dc\d+ad?s_cc_v5", _CC),
    Retirement("ECas_cc_v5 and ECads_cc_v5", r"ec\d+i?ad?s_cc_v5", _CC),
    Retirement("Msv2, isolated", r"m192id?m?s_v2", _M192),
    Retirement("NCv3", r"nc\d+r?s_v3", _NCV3),
    Retirement("NVv3", r"nv\d+s_v3", _NV),
    Retirement("NVv4", r"nv\d+as_v4", _NV),
    Retirement("NP", r"np\d+s", _HPC),
    Retirement("HC", r"hc\d+(-\d+)?rs", _HPC),
    Retirement("HBv2", r"hb\d+(-\d+)?rs_v2", _HPC),
)
"""Families whose end is announced, or past. Source: `SOURCE`, as of `AS_OF`; of A, its av1-series-retirement.md."""

_NAME = re.compile(
    r"standard_(?P<family>[a-z]+)(?P<number>\d+)(?:-(?P<used>\d+))?[a-z]*(?P<rest>(?:_[a-z0-9]+)*)"
)

# In these the number is a place in a list of sizes: D3 and D3_v2 have 4 cores, G3 has 8, A3 has 4.
_NUMBERED = re.compile(r"(?:a|g|gs)\d+(?:-\d+)?|ds?\d+(?:-\d+)?(?:_v2)?")


def retirement_of(vm_size: str) -> Retirement | None:
    """The announced end of the family that *vm_size* belongs to; None: none is known."""
    name = _short(vm_size)
    return next((found for found in RETIREMENTS if re.fullmatch(found.sizes, name)), None)


def cores_of(vm_size: str) -> int | None:
    """How many cores a node of *vm_size* has; None where its name does not tell.

    Names since about 2017 carry the number, and behind a hyphen the smaller number
    that a constrained size is left with. Source: Azure VM sizes naming conventions.
    """
    match = _NAME.fullmatch(vm_size.lower())
    if match is None or _NUMBERED.fullmatch(_short(vm_size)):
        return None
    return int(match["used"] or match["number"])


def _short(vm_size: str) -> str:
    return vm_size.lower().removeprefix("standard_").removesuffix("_promo")
