"""Placeholders: what they give, what they refuse, and that nothing gets out of them (S-02, S-07 to S-09)."""

import subprocess
import sys
from collections.abc import Mapping

import pytest

from batchspec.codes import Code
from batchspec.language.templates.expression import LITERAL_HELP, TemplateError
from batchspec.language.templates.mentions import nearest_name, unknown_references
from batchspec.language.templates.template import MAX_CHARACTERS, compile_script, compile_text, is_template

VALUES: Mapping[str, object] = {
    "input": {"path": "in/a.mp4", "stem": "a b", "size": 1_000},
    "params": {"count": 3, "ratio": 1.5, "flag": True, "items": "few", "nothing": None, "many": [1, 2]},
    "spec": {"name": "clips"},
}


def rendered(text: str) -> str:
    return compile_text(text).render(VALUES)


def refusal(text: str) -> TemplateError:
    """Why *text* cannot be compiled or rendered."""
    with pytest.raises(TemplateError) as caught:
        compile_text(text).render(VALUES)
    return caught.value


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("no placeholder", "no placeholder"),
        ("{{ input.path }}", "in/a.mp4"),
        ("{{input.stem}}.mp3 of {{ spec.name }}", "a b.mp3 of clips"),
        ("{{ params.count }} {{ params.ratio }} {{ params.flag }}", "3 1.5 true"),
        ("{{ params.items }}", "few"),
        ('{{ params["count"] }}', "3"),
        ("{{ params.count * 2 + 1 }}", "7"),
        ("{{ 7 // 2 }} {{ 7 % 2 }} {{ 7 / 2 }} {{ -5 }}", "3 1 3.5 -5"),
        ("{{ input.stem | upper }}", "A B"),
        ("{{ 'a' + 'b' }}{{ params.count ~ 'x' }}", "ab3x"),
        ("{{ input.stem | replace(' ', '_') | lower | trim }}", "a_b"),
        ("{{ 'long' if params.count > 2 else 'short' }}", "long"),
        ("{{ params.missing | default('none') }}", "none"),
        ("{{ params.missing is defined }}", "false"),
        ("{{ spec.__class__ is defined }}", "false"),
        ("{{ '42' | int + 1 }} {{ 2.7 | int }} {{ 2.5 | round }} {{ 3.14159 | round(2) }}", "43 2 2 3.14"),
        ("{{ input.stem | length }} {{ ['a', 'b'] | join('-') }}", "3 a-b"),
        ('{{ "{{" }} {{ "}}" }}', "{{ }}"),
        ("{%s} ${#x} {# no comment #} {{{ params.count }}}", "{%s} ${#x} {# no comment #} {3}"),
        ("one\r\n{{ params.count | int }}\r\ntwo\n", "one\r\n3\r\ntwo\n"),
    ],
)
def test_what_a_template_gives(text: str, expected: str) -> None:
    """Values, filters and operators as in Jinja; all text around them as it is."""
    assert rendered(text) == expected


@pytest.mark.parametrize(
    ("text", "code", "start", "end"),
    [
        ("a {{ x", Code.TEMPLATE_SYNTAX, 2, 4),
        ("a {{ }} b", Code.TEMPLATE_SYNTAX, 2, 7),
        ("{{- params.count }}", Code.TEMPLATE_SYNTAX, 0, 19),
        ("{{ params.count -}}", Code.TEMPLATE_SYNTAX, 0, 19),
        ("{{ .Names }}", Code.TEMPLATE_SYNTAX, 0, 12),
        ("{{ params.count params.count }}", Code.TEMPLATE_SYNTAX, 0, 31),
        ("{{ " + "(" * 400 + "1" + ")" * 400 + " }}", Code.TEMPLATE_SYNTAX, 0, 807),
        ("{{ '" + "x" * 1000 + "' }}", Code.TEMPLATE_TOO_LARGE, 0, 1008),
        ("{{ params.count | map('x') }}", Code.NOT_IN_TEMPLATES, 0, 29),
        ("{{ params.count is divisibleby 3 }}", Code.NOT_IN_TEMPLATES, 0, 35),
        ("{{ range(3) | join }}", Code.NOT_IN_TEMPLATES, 0, 21),
        ("{{ params.nope }}", Code.UNDEFINED_VARIABLE, 0, 17),
        ("{{ params.nope | upper }}", Code.UNDEFINED_VARIABLE, 0, 25),
        ("{{ params.count.real }}", Code.UNDEFINED_VARIABLE, 0, 23),
        ("x{{ params.nothing }}", Code.NO_TEXT, 1, 21),
        ("{{ params }}", Code.NO_TEXT, 0, 12),
        ("{{ params.many }}", Code.NO_TEXT, 0, 17),
        ("{{ 1 // 0 }}", Code.NO_TEXT, 0, 12),
        ("{{ 1e308 * 10 }}", Code.NO_TEXT, 0, 16),
        ("{{ 'x' < 1 }}", Code.NO_TEXT, 0, 13),
        ("{{ 'x' | round(1, 2, 3) }}", Code.NO_TEXT, 0, 26),
        ("{{ input.stem | int }}", Code.NO_TEXT, 0, 22),
    ],
)
def test_what_a_template_refuses(text: str, code: Code, start: int, end: int) -> None:
    """Each with its code, and the place of the placeholder in the text."""
    error = refusal(text)
    assert (error.code, error.start, error.end) == (code, start, end)


def test_references_are_known_without_rendering() -> None:
    """All names that a template reads, those with a fallback too."""
    template = compile_text(
        '{{ input.path }} {{ params["a"] | default(params.b) }} {{ spec.name if x is defined else 1 }}'
    )
    assert template.references == {
        ("input", "path"),
        ("params", "a"),
        ("params", "b"),
        ("spec", "name"),
        ("x",),
    }


def test_s09_unknown_names_are_found_before_rendering() -> None:
    """With their place and the nearest name; a fallback excuses, a whole group is no text."""
    text = (
        "{{ input.pth }} {{ Params.Count }} {{ params.x | default(1) }} {{ params }} {{ input.size.x + 1 }}"
    )
    found = unknown_references(compile_text(text), VALUES)
    assert [(text[start:end], nearest_name(name, VALUES)) for name, start, end in found] == [
        ("input.pth", "input.path"),
        ("Params.Count", "params.count"),
        ("params", "params.count"),
        ("input.size.x", "input.size"),
    ]


def test_is_template() -> None:
    """Braces that begin a placeholder make one, even when it is broken; others do not."""
    assert [is_template(text) for text in ("{{ a }}", "{{", "{a}", "${#a}", "{%s}")] == [
        True,
        True,
        False,
        False,
        False,
    ]


def test_plain_placeholders_do_not_load_jinja2() -> None:
    """Dotted names, which is what nearly all specs have, cost no import."""
    code = (
        "import sys; from batchspec.language.templates.template import compile_script as c;"
        "c('run {{ input.path }}').render({'input': {'path': 'x'}}); sys.exit('jinja2' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


ESCAPES = [
    # CVE-2016-10745 and CVE-2019-10906: str.format and str.format_map
    "{{ '{0.__class__.__mro__}'.format(42) }}",
    "{{ '{a.__class__}'.format_map({'a': 42}) }}",
    "{{ ('{0.__class__}' | string).format(1) }}",
    # CVE-2024-56326: an indirect reference to format, through a filter
    "{{ ['{0.__class__}'] | map('format', 1) | join }}",
    "{{ '{0.__class__}' | format(1) }}",
    # CVE-2025-27516: the attr filter gives the method itself
    "{{ ('{0.__class__.__init__.__globals__}' | attr('format'))(spec) }}",
    "{{ spec | attr('__class__') }}",
    # the usual ways up from a value
    "{{ ''.__class__.__mro__[1].__subclasses__() }}",
    "{{ ''['__class__'] }}",
    "{{ [].__class__.__base__ }}",
    "{{ spec.name.__class__ }}",
    '{{ spec["__class__"]["__init__"] }}',
    "{{ spec.__init__.__globals__ }}",
    "{{ self.__init__.__globals__ }}",
    "{{ self }}",
    "{{ self._TemplateReference__context }}",
    "{{ cycler.__init__.__globals__.os.popen('id').read() }}",
    "{{ lipsum.__globals__['os'] }}",
    "{{ namespace(a=1).a }}",
    "{{ joiner }}",
    "{{ dict(a=1) }}",
    "{{ config }}",
    "{{ request }}",
    "{{ (1).bit_length() }}",
    "{{ 1 .real }}",
    "{{ params.items() }}",
    "{{ params.many.append(3) }}",
    "{{ params.many[0] }}",
    "{{ spec.name[0:1] }}",
    "{{ (params.count, 1)[0] }}",
    "{{ caller() }}",
    "{{ super() }}",
    "{{ loop.index }}",
]


@pytest.mark.parametrize("text", ESCAPES)
def test_s07_there_is_no_way_out_of_the_sandbox(text: str) -> None:
    """No method, attribute, call or global of Python or Jinja can be reached."""
    assert refusal(text).code in (Code.NOT_IN_TEMPLATES, Code.UNDEFINED_VARIABLE, Code.TEMPLATE_SYNTAX)


@pytest.mark.parametrize(
    "text",
    [
        "{% import 'x' as y %}",
        "{% include '/etc/passwd' %}",
        "{% for i in x %}{% endfor %}",
        "# for x in y\n",
    ],
)
def test_s07_there_are_no_statements(text: str) -> None:
    """What Jinja would read as a statement is text like any other."""
    assert rendered(text) == text


def test_s07_values_are_looked_up_in_mappings_only() -> None:
    """An object that slipped into the values has no attributes either."""

    class Thing:
        secret = "x"

        def __getitem__(self, name: str) -> str:
            return self.secret

    for text in ("{{ thing.secret }}", "{{ thing['secret'] | upper }}"):
        with pytest.raises(TemplateError):
            compile_text(text).render({"thing": Thing()})


@pytest.mark.parametrize(
    "text",
    [
        "{{ 'a' * 100000000 }}",
        "{{ params.many * 100000000 }}",
        "{{ 9 ** 9 ** 9 }}",
        "{{ '%1000000000d' % 1 }}",
        "{{ range(1000000000) | length }}",
        "{{ 'a' | center(1000000000) }}",
        "{{ 'a' | replace('', 'aaaaaaaaaaaaaaaaaaaa') "
        + "| replace('a', 'aaaaaaaaaaaaaaaaaaaa') " * 20
        + "}}",
        "{{ 'aa' | indent(100000000) }}",
        "{{ " + "~".join(["params.long"] * 20) + " }}",
        "{{ params.long + params.long }}",
        "{{ [params.long, params.long] | join }}",
        "{{ params.long }}{{ params.long }}",
        "{{ params.digits | int * (params.digits | int) * (params.digits | int) | round(-999999999) }}",
    ],
)
def test_s08_much_cannot_be_made_of_little(text: str) -> None:
    """What would take memory or time is refused before it is made; the result has a limit."""
    values = {"params": {"many": [1], "long": "x" * (MAX_CHARACTERS - 1), "digits": "9" * 19}}
    with pytest.raises(TemplateError):
        compile_text(text).render(values)


def test_s08_a_template_has_a_limit() -> None:
    """A text without placeholders may be longer: nothing is made of it."""
    long = "x" * MAX_CHARACTERS
    assert compile_text(long).render({}) == long
    assert refusal(long + "{{ spec.name }}").code is Code.TEMPLATE_TOO_LARGE


@pytest.mark.parametrize(
    ("script", "expected"),
    [
        ("ffmpeg -i {{ input.path }}", "ffmpeg -i 'in/a.mp4'"),
        ("{{ input.stem }}", "'a b'"),
        ("{{ params.quote }}", "'it'\"'\"'s'"),
        ("{{ params.lines }}", "$'a\\012\\\\\\'b'"),
        ("{1..{{ params.count }}} {{ params.flag }} {{ params.ratio }}", "{1..3} true 1.5"),
        ("{{ input.stem ~ '.mp3' }}", "'a b.mp3'"),
        ("x={{ params.empty }}", "x=''"),
    ],
)
def test_s02_values_are_quoted_for_bash(script: str, expected: str) -> None:
    """Every text becomes one quoted word on one line; numbers, true and false stay bare."""
    params = {"quote": "it's", "lines": "a\n\\'b", "count": 3, "flag": True, "ratio": 1.5, "empty": ""}
    assert compile_script(script).render({"input": VALUES["input"], "params": params}) == expected


def test_a_script_cannot_have_nul() -> None:
    """No command line can carry it; a document cannot have it in any text."""
    with pytest.raises(TemplateError):
        compile_script("echo {{ input.path }}").render({"input": {"path": "a\0b"}})


def test_a_template_has_a_thousand_placeholders_at_most() -> None:
    """Each that computes is compiled for itself, and a text has room for ten thousand."""
    compile_text("{{ 1 }}" * 1000)
    with pytest.raises(TemplateError, match="more than 1,000 placeholders"):
        compile_text("{{ 1 }}" * 1001)


def test_a_placeholder_in_quotes_is_explained() -> None:
    """BS0310 has the placeholder's own place, not that of the quotes, and says what to write."""
    with pytest.raises(TemplateError) as caught:
        compile_script('ffmpeg -i "{{ input.path }}" {{ output.path }}')
    error = caught.value
    assert (error.code.value, error.start, error.end) == ("BS0310", 11, 27)
    assert str(error) == "unsafe placeholder inside quotes"
    assert error.helps[0] == "remove the quotes around it"


@pytest.mark.parametrize(
    ("script", "expected"),
    [
        ("""echo '{{ "{{" }}.ID}}'""", "{{.ID}}\n"),
        ("""echo "{{ "{{" }}.Names{{ "}}" }}" {{ input.stem }}""", "{{.Names}} a b\n"),
        ("""cat <<'PY'\nf"{{ "{{" }}name}} is {name}"\nPY\n""", 'f"{{name}} is {name}"\n'),
        ("""echo {{ "{{" }}a,b}}""", "{{a,b}}\n"),
    ],
)
def test_braces_of_another_language(script: str, expected: str) -> None:
    """In quotes and here-documents a constant of braces is put in as it is; elsewhere it is quoted as any value."""
    line = compile_script(script).render(VALUES)
    done = subprocess.run(["bash", "-c", line], capture_output=True, text=True, check=True)
    assert done.stdout == expected


@pytest.mark.parametrize(
    "script", ["""echo '{{ "'" }}'""", """echo "{{ "$(id)" }}\"""", """echo '{{ input.stem }}'"""]
)
def test_what_the_shell_could_read_stays_refused_in_quotes(script: str) -> None:
    """A constant with characters of the shell's, and every value; the error names the way to write braces."""
    with pytest.raises(TemplateError) as caught:
        compile_script(script)
    assert caught.value.code is Code.PLACEHOLDER_IN_QUOTES
    assert LITERAL_HELP in caught.value.helps
