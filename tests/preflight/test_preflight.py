"""What a plan says before it costs money: one file for each rule, and what names of VM sizes tell."""

from datetime import date
from pathlib import Path

import pytest

from batchspec.plan.checks.vm_sizes import AS_OF, RETIREMENTS, cores_of, retirement_of
from tests.plan.case import load
from tests.preflight.case import CASES, outcome


@pytest.mark.parametrize("file", sorted(CASES.glob("*.yaml")), ids=lambda file: file.stem)
def test_preflight(file: Path) -> None:
    """The plan is told about as the case says: whole findings, and what was not checked."""
    case = load(file)
    assert outcome(case) == (case["says"] or "")


@pytest.mark.parametrize(
    ("vm_size", "cores"),
    [
        ("Standard_D2ds_v5", 2),
        ("STANDARD_D16ADS_V6", 16),
        ("standard_e8-4ads_v5", 4),
        ("Standard_HB120-16rs_v3", 16),
        ("Standard_NC24ads_A100_v4", 24),
        ("Standard_M832ids_16_v3", 832),
        ("Standard_A4m_v2", 4),
        ("Standard_B2ms", 2),
        ("Standard_D3_v2", None),
        ("Standard_DS14-4_v2", None),
        ("Standard_D4_v2_Promo", None),
        ("Standard_G5", None),
        ("Standard_A8", None),
        ("Basic_A1", None),
        ("what-is-this", None),
    ],
)
def test_cores_are_read_off_the_name_where_it_tells_them(vm_size: str, cores: int | None) -> None:
    """A number that is a place in a list of sizes, as in D3_v2, is not taken for cores."""
    assert cores_of(vm_size) == cores


@pytest.mark.parametrize(
    ("vm_size", "family"),
    [
        ("STANDARD_D2_V2", "Dv2"),
        ("Standard_DS12-1_v2", "Dsv2"),
        ("Standard_D2_v2_Promo", "Dv2"),
        ("Standard_D11", "D"),
        ("Standard_L8s", "Ls"),
        ("Standard_L8s_v2", "Lsv2"),
        ("Standard_HB120-32rs_v2", "HBv2"),
        ("Standard_HC44-16rs", "HC"),
        ("Standard_NP20s", "NP"),
        ("Standard_B1ls", "B (first version)"),
        ("Standard_NC24rs_v3", "NCv3"),
        ("Standard_M192idms_v2", "Msv2, isolated"),
        ("Standard_E64-16is_v3", "Esv3"),
        ("Standard_D2ds_v5", None),
        ("Standard_L8s_v3", None),
        ("Standard_B2s_v2", None),
        ("Standard_HB120rs_v3", None),
        ("Standard_M192idms_v3", None),
        ("Standard_D2as_v4", None),
    ],
)
def test_families_on_the_retirement_list(vm_size: str, family: str | None) -> None:
    """A size is known by its family; newer versions of a family are not on the list with it."""
    found = retirement_of(vm_size)
    assert (found.family if found else None) == family


def test_every_retired_size_is_of_one_family_alone() -> None:
    """No two patterns fight over a name, and no date is older than the oldest retirement the list has."""
    names = (
        "d2_v2",
        "ds2_v2",
        "d2",
        "ds2",
        "d2_v3",
        "d2s_v3",
        "f2",
        "f2s",
        "f2s_v2",
        "l8s",
        "l8s_v2",
        "b2ms",
        "a2_v2",
    )
    for name in names:
        assert retirement_of(f"Standard_{name}") is not None
    assert len({entry.sizes for entry in RETIREMENTS}) == len(RETIREMENTS)
    assert min(entry.day for entry in RETIREMENTS) > date(2024, 1, 1)
    assert AS_OF.year >= 2026
