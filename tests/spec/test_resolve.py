"""Parameters put in before anything is checked: types, places, and numbers as they were written."""

import pytest

from batchspec.document.parser import parse
from batchspec.errors import SpecError
from batchspec.language.build import build
from batchspec.language.model import Spec
from batchspec.source import Source

TEXT = """\
version: 1
name: work
params: {params}
pool: {{id: nodes, vmSize: {size}, image: {image}, {pool}}}
job: {{id: encode, constraints: {{maxWallClockTime: PT1H}}}}
tasks:
  one: {group}
"""


def read(
    params: str = "{}",
    size: str = "Standard_D2ds_v5",
    image: str = '"a:b:c"',
    pool: str = "spot: 1",
    group: str = "{command: [run]}",
    **settings: str,
) -> Spec:
    text = TEXT.format(params=params, size=size, image=image, pool=pool, group=group)
    return build(parse(Source("work.yaml", text)), settings)


def refused(**parts: str) -> list[tuple[str, str, str]]:
    with pytest.raises(SpecError) as raised:
        read(**parts)
    return [(found.code, found.place, found.summary) for found in raised.value.diagnostics]


def test_a_placeholder_keeps_its_type_where_the_field_takes_it() -> None:
    """A count stays a number, true stays true; a text field gets text."""
    spec = read(
        params="{nodes: 3, apart: true}",
        pool='targetLowPriorityNodes: "{{ params.nodes }}", enableInterNodeCommunication: "{{ params.apart }}",'
        ' metadata: [{name: n, value: "{{ params.nodes }}"}]',
    )
    assert spec.pool is not None
    assert spec.pool.body["targetLowPriorityNodes"] == 3
    assert spec.pool.body["enableInterNodeCommunication"] is True
    assert spec.pool.body["metadata"] == [{"name": "n", "value": "3"}]


def test_what_a_placeholder_gives_is_checked_as_if_it_stood_there() -> None:
    """Forms, bounds, types and choices, each at the placeholder."""
    assert refused(
        params="{size: not a size!, slots: 300, nodes: many, fill: up}",
        size='"{{ params.size }}"',
        pool='taskSlotsPerNode: "{{ params.slots }}", spot: "{{ params.nodes }}",'
        ' taskSchedulingPolicy: {nodeFillType: "{{ params.fill }}"}',
    ) == [
        ("BS0123", "work.yaml:4:27", "`not a size!` is not a valid vmSize"),
        ("BS0124", "work.yaml:4:82", "300 is too large"),
        ("BS0121", "work.yaml:4:110", "expected a whole number, found text"),
        ("BS0122", "work.yaml:4:169", "`up` is not a valid value"),
    ]


@pytest.mark.parametrize(
    ("image", "found"),
    [
        ('"{{ params.image }}"', ("BS0123", "work.yaml:4:52", "`ubuntu` is not a valid image")),
        ('"{{ params.imgae }}"', ("BS0302", "work.yaml:4:56", "`params.imgae` is not defined")),
        ('"{{ params.image / 2 }}"', ("BS0305", "work.yaml:4:53", "`/` takes numbers only; texts are joined with `~`")),
        ('"{{ }}"', ("BS0301", "work.yaml:4:53", "an empty placeholder")),
        ('"{{ 5 // 0 }}"', ("BS0305", "work.yaml:4:53", "integer division or modulo by zero")),
    ],
)  # fmt: skip
def test_an_image_that_comes_to_nothing_is_a_finding(image: str, found: tuple[str, str, str]) -> None:
    """Whatever a placeholder gives, or does not, nothing crashes."""
    assert refused(params="{image: ubuntu}", image=image) == [found]


def test_a_finding_in_a_text_points_past_what_was_put_in() -> None:
    """The shell syntax of a line stands where the file has it, not where it stands in what is sent."""
    spec = read(
        params="{name: a-long-name; and more}",
        group='{commandLine: "echo {{ params.name }} && true"}',
    )
    assert [(found.code, found.place) for found in spec.warnings] == [("BS0211", "work.yaml:7:46")]


def test_numbers_are_rendered_as_written() -> None:
    """A number that is only put in keeps its text; arithmetic uses its value."""
    spec = read(
        params="{version: 3.10, gain: 1.0e-7, mask: 0x1F, n: 7}",
        pool='displayName: "{{ params.version }} {{ params.gain ~ params.mask }} {{ params.mask + 1 }}", spot: 1',
        n="007",
    )
    assert spec.pool is not None
    assert spec.pool.body["displayName"] == "3.10 1.0e-70x1F 32"
    assert str(spec.params["n"]) == "007"


def test_a_number_in_a_list_command_is_text() -> None:
    """`[ffmpeg, -frames:v, 1]` needs no quotes, and gets the number as it was written."""
    spec = read(group="{command: [ffmpeg, -frames:v, 1, -r, 29.970, true]}")
    assert [word.text for word in spec.groups[0].command.words] == [
        "ffmpeg",
        "-frames:v",
        "1",
        "-r",
        "29.970",
        "true",
    ]


def test_braces_that_a_placeholder_gives_are_no_placeholder() -> None:
    """`{{ "{{" }}` is a text like any other, also where it is put in twice."""
    spec = read(
        pool="""spot: 1, displayName: '{{ "{{" }}.ID}}'""",
        group="""{command: [run], displayName: '{{ "{{" }}x'}""",
    )
    assert spec.pool is not None
    assert spec.pool.body["displayName"] == "{{.ID}}"
    assert spec.groups[0].body["displayName"] == "{{x"


@pytest.mark.parametrize(
    "group",
    [
        r'{command: [echo, "a\0b"]}',
        r'{command: "echo \0"}',
        r'{commandLine: "\0"}',
        r'{command: [run], env: {"\0": x}}',
    ],
)
def test_u0000_is_a_finding(group: str) -> None:
    """No command, setting or field can hold it, whatever it is written in."""
    (finding,) = refused(group=group)
    assert finding[::2] == ("BS0109", "the character U+0000, which no field can hold")


def test_a_list_among_the_words_of_a_command_is_a_finding() -> None:
    """Only a placeholder may stand for several."""
    assert [code for code, _, _ in refused(group="{command: [echo, [a, b]]}")] == ["BS0121"]


def test_a_script_that_is_too_long_is_found_at_its_place() -> None:
    """Also one without any placeholder."""
    assert refused(group=f'{{command: "echo {"x" * 65_536}"}}') == [
        ("BS0304", "work.yaml:7:19", "longer than 65,536 characters")
    ]
