"""`engine.importing.compose` on bodies that the local account does not make, but Azure does."""

from batchspec.engine.importing import Found, compose, name_for
from importing.shapes import POOLS

LIVE = {
    "id": "old",
    "eTag": "0x1",
    "url": "https://a.r.batch.azure.com/pools/old",
    "state": "active",
    **POOLS["bare"],
}


def test_fields_that_no_spec_has_are_named() -> None:
    """What the management plane or a retired version put on a pool is left as it is, and said."""
    found = Found({**LIVE, "identity": {"type": "UserAssigned"}, "resourceTags": {"a": "b"}}, None, {})
    text = compose(found, "old", "batchspec import pool old").text
    assert "# No part of a spec, and left as they are: pool.identity, pool.resourceTags.\n" in text


def test_a_value_newer_than_the_format_is_passed_over() -> None:
    """An enum value that the schema does not know is cut out, and the plan does not look at it."""
    machine = {
        **POOLS["bare"]["virtualMachineConfiguration"],
        "securityProfile": {"securityType": "quantumvm"},
    }
    text = compose(Found({**LIVE, "virtualMachineConfiguration": machine}, None, {}), "old", "x").text
    assert "quantumvm" not in text
    assert text.endswith(
        "ignoreChanges: # what this spec could not say; a plan does not look at it\n"
        "  - pool.virtualMachineConfiguration.securityProfile.securityType"
        " # virtualMachineConfiguration.securityProfile.securityType is nothing that a spec can say\n"
    )


def test_names_of_others_do_nothing_to_the_terminal() -> None:
    """A comment cannot be left by a name with a line break or an escape sequence in it."""
    settings = [{"name": "PASSWORD\npool: x\x1b[2J", "value": "long enough"}]
    start = {"commandLine": "true", "environmentSettings": settings}
    text = compose(Found({**LIVE, "startTask": start, "x\ny": 1}, None, {}), "old", "x").text
    assert all(line.isprintable() for line in text.split("\n"))
    assert "long enough" not in text


def test_a_name_is_made_of_the_id() -> None:
    """Ids may be longer than names, and begin with what a name may not begin with."""
    assert name_for(Found({"id": "_-pool" + "x" * 60}, None, {})) == "pool" + "x" * 36
    assert name_for(Found(None, {"id": "___"}, {})) == "imported"
