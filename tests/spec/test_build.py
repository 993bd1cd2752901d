"""From a document to a spec: findings of every stage at once, and told once."""

import pytest

from batchspec.desired.artifacts.readable import Readable
from batchspec.desired.expansion.expand import expand
from batchspec.desired.task import Input
from batchspec.document.parser import parse
from batchspec.errors import SpecError
from batchspec.language.build import build
from batchspec.language.model import TaskGroup
from batchspec.source import Source

WRONG = """\
version: 1
name: wrong
pool: {id: nodes, vmsize: Standard_D2ds_v5, image: "canonical:ubuntu-24_04-lts:server"}
job: {id: encode}
tasks:
  one:
    inputs: in/*.txt
    command: cp "{{ input.path }}" {{ output.path }}
    output: "{{ inptu.stem }}.x"
"""

IDENTITY = "/subscriptions/1/resourceGroups/media/providers/Microsoft.ManagedIdentity/userAssignedIdentities/"

OUTSIDE = """\
version: 1
name: outside
pool: {id: nodes, vmSize: Standard_D2ds_v5, image: "canonical:ubuntu-24_04-lts:server"}
job: {id: encode}
tasks:
  one: {inputs: in/*.txt, command: [cp, "{{ input.path }}", "{{ output.path }}"], output: "../{{ input.stem }}"}
"""


def test_a_wrong_shape_does_not_hide_wrong_templates() -> None:
    """A misspelt field of the pool, a quoted placeholder and an undefined name are found together, and warnings."""
    with pytest.raises(SpecError) as raised:
        build(parse(Source("wrong.yaml", WRONG)))
    assert [(found.code, found.place) for found in raised.value.diagnostics] == [
        ("BS0102", "wrong.yaml:3:7"),
        ("BS0103", "wrong.yaml:3:19"),
        ("BS0213", "wrong.yaml:4:1"),
        ("BS0310", "wrong.yaml:8:18"),
        ("BS0302", "wrong.yaml:9:17"),
    ]


def test_many_inputs_with_one_problem_are_told_of_by_a_few() -> None:
    """Of 300 outputs outside their folder three are shown, and the last one counts the others."""
    spec = build(parse(Source("outside.yaml", OUTSIDE)))
    inputs = [
        Input(f"{i}.txt", "input", f"outside/in/{i}.txt", 1, "0" * 32, file=f"in/{i}.txt") for i in range(300)
    ]
    with pytest.raises(SpecError) as raised:
        expand(spec, Readable({"one": inputs}))
    told = [found for found in raised.value.diagnostics if found.severity.value == "error"]
    assert len(told) == 3
    assert told[-1].helps[-1] == "the same goes for 297 more tasks of one"


def identity_of(spec: str) -> str | None:
    """The identity that a spec with the lines *spec* has."""
    return build(
        parse(Source("work.yaml", f"version: 1\nname: work\npool: {{existing: nodes}}\n{spec}"))
    ).identity


def test_r31_an_identity_may_come_from_a_parameter() -> None:
    """One spec serves several environments, each with an identity of its own."""
    spec = f'params: {{who: encoder}}\nidentity: "{IDENTITY}{{{{ params.who }}}}"\n'
    assert identity_of(spec) == f"{IDENTITY}encoder"


def test_r31_a_rendered_identity_is_looked_at_too() -> None:
    """A parameter that makes it no identity is found, at the line of the identity."""
    with pytest.raises(SpecError) as raised:
        identity_of('params: {who: ""}\nidentity: "' + IDENTITY + '{{ params.who }}"\n')
    assert [(found.code, found.place) for found in raised.value.diagnostics] == [("BS0123", "work.yaml:5:11")]


SECRETS = """\
version: 1
name: work
pool: {existing: nodes}
job: {id: work}
tasks:
  one: {command: "true"%s}
"""


@pytest.mark.parametrize(
    ("fields", "secret", "plain"),
    [
        ("env: {%s}", "TOKEN: {fromEnvironment: API_TOKEN}", "SIZE: 3"),
        (
            "environmentSettings: [%s]",
            "{name: TOKEN, value: {fromEnvironment: API_TOKEN}}",
            "{name: SIZE, value: '3'}",
        ),
    ],
)
def test_a_secret_is_sent_and_decides_no_result(fields: str, secret: str, plain: str) -> None:
    """The group's digest is as without it; a plain variable beside it counts as ever."""
    only, beside, without = (_group(f", {fields % text}") for text in (secret, f"{secret}, {plain}", plain))
    sent = {"name": "TOKEN", "value": {"fromEnvironment": "API_TOKEN"}}
    assert only.body["environmentSettings"] == [sent]
    assert beside.body["environmentSettings"] == [sent, *without.body["environmentSettings"]]
    assert beside.digest == without.digest != only.digest
    assert only.digest == _group("").digest


def _group(fields: str) -> TaskGroup:
    (group,) = build(parse(Source("work.yaml", SECRETS % fields))).groups
    return group
