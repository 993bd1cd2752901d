"""The schema has every field of Batch, and none that Batch does not have."""

import json
import re

import pytest
from batch_fields import (
    BODIES,
    EXCUSED,
    OURS,
    REFERENCE_FILE,
    Field,
    load_schema,
    of_reference,
    of_schema,
    of_sdk,
    without,
)

KINDS = list(BODIES)
SECRET = re.compile(r"(password|accountKey|sasKey|sshPrivateKey|protectedSettings\.\*)$")


def published(kind: str) -> dict[str, Field]:
    """What the schema offers of Batch; a secret counts as the text it stands for, a list of VM sizes as one of them."""
    fields = without(of_schema(load_schema(), BODIES[kind][0]), OURS[kind])
    texts = ("secret", "['string', 'array']")
    fields.pop("vmSize[]", None)
    return {path: Field("string") if field.kind in texts else field for path, field in fields.items()}


@pytest.mark.parametrize("kind", KINDS)
def test_schema_and_sdk_have_the_same_fields(kind: str) -> None:
    """Every field of the SDK's create model is in the schema or excused, with its type and wire values."""
    assert published(kind) == without(of_sdk(BODIES[kind][1]), set(EXCUSED[kind]))


@pytest.mark.parametrize("kind", KINDS)
def test_schema_and_reference_have_the_same_fields(kind: str) -> None:
    """The API reference data knows the same fields, types and wire values as the schema."""
    if not REFERENCE_FILE.exists():
        pytest.skip("the API reference data is not beside this checkout")
    reference = of_reference(json.loads(REFERENCE_FILE.read_text("utf-8")), BODIES[kind][1])
    assert published(kind) == without(reference, set(EXCUSED[kind]))


@pytest.mark.parametrize("kind", KINDS)
def test_lists_name_real_fields(kind: str) -> None:
    """No entry of OURS or EXCUSED is stale: ours are only in the schema, excused ones only in the SDK."""
    schema, sdk = of_schema(load_schema(), BODIES[kind][0]), of_sdk(BODIES[kind][1])
    assert OURS[kind] <= schema.keys() - sdk.keys()
    assert set(EXCUSED[kind]) <= sdk.keys() - schema.keys()
    assert all(EXCUSED[kind].values())


@pytest.mark.parametrize("kind", KINDS)
def test_s14_secrets_come_from_the_environment_only(kind: str) -> None:
    """A field is a secret exactly when the service keeps a key, a password or a protected setting in it."""
    fields = without(of_schema(load_schema(), BODIES[kind][0]), OURS[kind])
    assert {p for p, f in fields.items() if f.kind == "secret"} == {p for p in fields if SECRET.search(p)}


def test_walkers_see_deep_fields() -> None:
    """The tables reach through references, lists and maps, so that their equality means something."""
    fields = published("pool")
    assert fields["startTask.resourceFiles[].identityReference.resourceId"] == Field("string")
    assert fields["virtualMachineConfiguration.extensions[].settings.*"] == Field("string")
    assert fields["taskSchedulingPolicy.nodeFillType"] == Field("string", ("pack", "spread"))
    assert fields["resizeTimeout"] == Field("duration")


def test_what_batch_gives_up_is_not_offered() -> None:
    """Values and fields that leave the service are nowhere in the schema."""
    text = json.dumps(load_schema())
    gone = [
        "retaineddata",
        "certificateReferences",
        "targetNodeCommunicationMode",
        "applicationLicenses",
        "exactVersion",
    ]
    assert [word for word in gone if word in text] == []
