"""`engine.importing.compose` on bodies that the local account does not make, but Azure does."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from batchspec.engine.importing import Found, compose, name_for
from batchspec.errors import UsageError
from importing.shapes import CANARY, POOLS

RECORDINGS = Path(__file__).parents[2].parent / "shared" / "azure-batch-api" / "recordings"

LIVE = {
    "id": "old",
    "eTag": "0x1",
    "url": "https://a.r.batch.azure.com/pools/old",
    "state": "active",
    **POOLS["bare"],
}


def test_fields_that_no_spec_has_are_named() -> None:
    """What the management plane or a retired version put on a pool is left as it is, and said."""
    found = Found({**LIVE, "targetNodeCommunicationMode": "simplified", "resourceTags": {"a": "b"}}, None, {})
    text = compose(found, "old", "batchspec import pool old").text
    assert (
        "# Not supported in a spec, and left unchanged: pool.targetNodeCommunicationMode, pool.resourceTags.\n"
        in text
    )


def test_r31_an_identity_is_told_of_and_not_taken_for_granted() -> None:
    """Whether it may reach the blobs is not known here, so the spec gets the line as a comment."""
    id = "/subscriptions/s/resourceGroups/g/providers/Microsoft.ManagedIdentity/userAssignedIdentities/i"
    identity = {"type": "UserAssigned", "userAssignedIdentities": [{"resourceId": id, "clientId": "c"}]}
    text = compose(Found({**LIVE, "identity": identity}, None, {}), "old", "batchspec import pool old").text
    assert f"tasks need no signed links:\n#   identity: {id}\n" in text
    assert "No part of a spec" not in text


def test_a_value_newer_than_the_format_is_passed_over() -> None:
    """An enum value that the schema does not know is cut out, and the plan does not look at it."""
    machine = {
        **POOLS["bare"]["virtualMachineConfiguration"],
        "securityProfile": {"securityType": "quantumvm"},
    }
    text = compose(Found({**LIVE, "virtualMachineConfiguration": machine}, None, {}), "old", "x").text
    assert "quantumvm" not in text
    assert text.endswith(
        "ignoreChanges: # not supported in a spec; plans ignore it\n"
        "  - pool.virtualMachineConfiguration.securityProfile.securityType"
        " # virtualMachineConfiguration.securityProfile.securityType is not supported in a spec\n"
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


@pytest.mark.parametrize(
    "command",
    [
        f"login --password {CANARY}",
        f"login --client-secret='{CANARY}'",
        f"env API_TOKEN={CANARY} run",
        f"curl https://user:{CANARY}@example.com/file",
        f"curl -H 'Authorization: Bearer {CANARY}{CANARY}' https://example.com",
    ],
)
def test_a_command_with_a_secret_is_left_out(command: str) -> None:
    """A start task cannot be without its command, so all of it stays where it is, out of the spec and the plan."""
    text = compose(Found({**LIVE, "startTask": {"commandLine": command}}, None, {}), "old", "x").text
    assert CANARY not in text
    assert text.endswith("  - pool.startTask # startTask may hold a secret\n")


@pytest.mark.parametrize(
    "command",
    [
        "login --password $PASSWORD",
        "env API_TOKEN=$(cat token) run --token-file /etc/token",
        'curl "https://example.com/?token=$TOKEN"',
        "az keyvault secret show --name n --vault-name v",
        "ssh-keygen -t ed25519",
    ],
)
def test_a_command_that_only_speaks_of_secrets_is_kept(command: str) -> None:
    """A variable, a file or the name of a secret gives nothing away."""
    text = compose(Found({**LIVE, "startTask": {"commandLine": command}}, None, {}), "old", "x").text
    assert "ignoreChanges" not in text
    assert text.count("commandLine: ") == 1


def test_a_secret_in_an_extension_or_a_name_is_left_out() -> None:
    """Settings of an extension are looked at by their names, and a name that is a secret is not repeated."""
    extension = {"name": "e", "publisher": "p", "type": "t", "settings": {"storageAccountKey": CANARY}}
    machine = {**POOLS["bare"]["virtualMachineConfiguration"], "extensions": [extension]}
    settings = [{"name": f"PASSWORD={CANARY}", "value": "x"}]
    start = {"commandLine": "true", "environmentSettings": settings}
    live = {**LIVE, "virtualMachineConfiguration": machine, "startTask": start}
    text = compose(Found(live, None, {}), "old", "x").text
    assert CANARY not in text
    assert text.endswith(
        "  - pool.virtualMachineConfiguration.extensions # e may hold a secret\n"
        "  - pool.startTask.environmentSettings # startTask.environmentSettings[0] may hold a secret\n"
    )


def test_what_cannot_be_left_out_stops_the_import() -> None:
    """A spec has to say the pool's VM size; where that looks like a secret, nothing is printed."""
    with pytest.raises(UsageError) as stopped:
        compose(Found({**LIVE, "vmSize": f"password={CANARY}"}, None, {}), "old", "x")
    assert str(stopped.value) == "pool.vmSize may hold a secret, and a spec cannot be without it"


def test_protection_is_read_back() -> None:
    """A pool that a spec protects would lose that with a spec that does not say it."""
    stamps = [{"name": name, "value": "old"} for name in ("batchspec.spec", "batchspec.protect")]
    assert "\n  protect: true\n" in compose(Found({**LIVE, "metadata": stamps}, None, {}), "old", "x").text


# What 2025-06-01 no longer has, and older versions of the API still told.
RETIRED = {"pool.targetNodeCommunicationMode", "pool.certificateReferences"}


def recorded(kind: str) -> Iterator[dict[str, Any]]:
    """The pools or jobs in answers of the real service, as other tools had made them."""
    for file in sorted(RECORDINGS.glob("*.json")):
        for interaction in json.loads(file.read_text("utf-8"))["interactions"]:
            body = interaction.get("response")
            for found in body.get("value", [body]) if isinstance(body, dict) else []:
                if isinstance(found, dict) and re.search(rf"/{kind}s/[\w-]+$", found.get("url", "")):
                    yield found


@pytest.mark.skipif(not RECORDINGS.is_dir(), reason="the API reference data is not beside the project")
@pytest.mark.parametrize("kind", ["pool", "job"])
def test_what_the_real_service_answered_is_read_back_whole(kind: str) -> None:
    """Nothing of a recorded pool or job has to be passed over, and no field of it is unknown."""
    lives = list(recorded(kind))
    assert len(lives) > 8
    for live in lives:
        on_a_pool = {
            **live,
            "poolInfo": {"poolId": "p"},
        }  # which one a job runs on is not its own part of a spec
        found = Found(live, None, {}) if kind == "pool" else Found(None, on_a_pool, {})
        text = compose(found, name_for(found), "x").text
        assert "ignoreChanges" not in text
        unknown = re.search(r"left as they are: (.*)\.", text)
        assert not unknown or set(unknown[1].split(", ")) <= RETIRED
