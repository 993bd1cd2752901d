"""A value put into a script stays one word, whatever it is (S-01, S-02): asked of a real bash."""

import subprocess
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from batchspec.codes import Code
from batchspec.language.templates.expression import TemplateError
from batchspec.language.templates.template import compile_script

BASH = "/bin/bash"


def run(script: str, folder: Path) -> bytes:
    """What *script* prints; it runs as on a node: bash -c, nothing to read, no files but its own."""
    environment = {"PATH": "/usr/bin:/bin", "HOME": str(folder), "LC_ALL": "C.UTF-8"}
    done = subprocess.run(
        [BASH, "-c", script],
        cwd=folder,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=60,
        check=False,
    )
    return done.stdout


VALUES = st.text(
    st.sampled_from("'\"`$(){}[]<>|&;!~#*?\\ \t\n\r=,:%^-+./@ab2\x01\x1b\x7fä日🎬\u202e\u2028\xa0")
    | st.characters(codec="utf-8"),
    max_size=30,
).filter(lambda text: "\0" not in text)


@given(st.lists(VALUES, min_size=1, max_size=20))
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@example(
    [
        "$(>made)",
        "`>made`",
        "';>made;'",
        '";>made;"',
        "\n>made\n",
        "-n",
        "~",
        "*",
        "a=b",
        "2",
        "if",
        "",
        "'",
        "\\",
    ]
)
def test_s01_every_value_arrives_byte_for_byte(tmp_path: Path, values: list[str]) -> None:
    """As an argument, joined to text, in an assignment, in a here-string and in a substitution in quotes."""
    names = [f"v{i}" for i in range(len(values))]
    line = (
        "printf '%s\\0' {{ NAME }} pre{{ NAME }}post; x={{ NAME }}; printf '%s\\0' \"$x\""
        "; printf '%s\\0' \"$(printf %s {{ NAME }}; printf .)\""
        "; printf '%s\\0' \"<$(cat <<<{{ NAME }}; printf .)>\""
    )
    script = "\n".join(line.replace("NAME", name) for name in names)
    printed = run(compile_script(script).render(dict(zip(names, values, strict=True))), tmp_path)
    expected = "".join(f"{v}\0pre{v}post\0{v}\0{v}.\0<{v}\n.>\0" for v in values)
    assert printed == expected.encode()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "script",
    [
        "run {{ x }}",
        "run a{{ x }}b --c={{ x }} >{{ x }} 2>>{{ x }}",
        "if [ -e {{ x }} ]; then run; fi; for i in {{ x }}; do run; done",
        'out="$(basename {{ x }} .mp4)"; run "$out"',
        "( cd {{ x }} && run ) | tee >(cat {{ x }})",
        "case {{ x }} in *.mp4) run {{ x }};; esac",
        "list=(a {{ x }} b)",
        "run <<<{{ x }}",
        'cat <<EOF >f\nit\'s "quoted" `here`\nEOF\nrun {{ x }}',
        "cat <<-'END OF' >f; run {{ x }}\n\tit's\n\tEND OF\nrun {{ x }}",
        "cat <<A <<'B'\nit's\nA\nit's\nB\nrun {{ x }}",
        "run # it's a comment\nrun {{ x }}",
        "run a#b {{ x }}#c ${#a} $# {{ x }}",
        "echo $(( (1 + 2) * 3 )) {{ x }}; (( i++ )); run {{ x }}",
        "echo $'it\\'s' {{ x }} $\"said\" {{ x }}",
        "echo \\\" {{ x }} \\' {{ x }} \\$ \\\\{{ x }}",
        "echo ${a:-\"b\"} ${a#'}'} {{ x }}",
        "run \\\n  {{ x }} \\\n  {{ x }}",
        'echo "a\\"b" {{ x }} "`echo "c"`" {{ x }}',
        "[[ {{ x }} == *.mp4 && 1 < 2 ]]",
        "printf '{%s}' {{ x }}",
    ],
)
def test_s02_plain_words_of_a_script_take_placeholders(script: str) -> None:
    """Wherever bash reads a plain word, nested or after any quoting, a placeholder is accepted."""
    assert compile_script(script).is_script


@pytest.mark.parametrize(
    ("script", "code"),
    [
        ('run "{{ x }}"', Code.PLACEHOLDER_IN_QUOTES),
        ("run '{{ x }}'", Code.PLACEHOLDER_IN_QUOTES),
        ("run $'{{ x }}'", Code.PLACEHOLDER_IN_QUOTES),
        ('run $"{{ x }}"', Code.PLACEHOLDER_IN_QUOTES),
        ('run "a \\" {{ x }}"', Code.PLACEHOLDER_IN_QUOTES),
        ('run "$(echo "{{ x }}")"', Code.PLACEHOLDER_IN_QUOTES),
        ('run "$(echo ")" \'(\') {{ x }}"', Code.PLACEHOLDER_IN_QUOTES),
        ("bash -c 'run {{ x }}'", Code.PLACEHOLDER_IN_QUOTES),
        ("run it's {{ x }}", Code.PLACEHOLDER_IN_QUOTES),
        ("run `echo {{ x }}`", Code.UNSAFE_IN_SHELL),
        ('run "`echo {{ x }}`"', Code.UNSAFE_IN_SHELL),
        ("run # {{ x }}", Code.UNSAFE_IN_SHELL),
        ("cat <<EOF\n{{ x }}\nEOF\n", Code.UNSAFE_IN_SHELL),
        ("cat <<'EOF'\n{{ x }}\nEOF\n", Code.UNSAFE_IN_SHELL),
        ("cat <<{{ x }}\n", Code.UNSAFE_IN_SHELL),
        ("cat <<EOF\n EOF\nrun {{ x }}", Code.UNSAFE_IN_SHELL),
        ("run ${a:-{{ x }}}", Code.UNSAFE_IN_SHELL),
        ("run $(( {{ x }} + 1 ))", Code.UNSAFE_IN_SHELL),
        ("(( n = {{ x }} ))", Code.UNSAFE_IN_SHELL),
        ("run ${{ x }}", Code.UNSAFE_IN_SHELL),
        ("run \\{{ x }}", Code.UNSAFE_IN_SHELL),
        ("run $\\\n{{ x }}", Code.UNSAFE_IN_SHELL),
        # what only bash could follow further
        ('echo "$(case a in a) echo;; esac)" {{ x }}', Code.UNSAFE_IN_SHELL),
        ("echo $[ 1 + 1 ] {{ x }}", Code.UNSAFE_IN_SHELL),
        ("(( echo a # it's\n) ); run {{ x }}", Code.UNSAFE_IN_SHELL),
        ("cat <<$END\n$END\nrun {{ x }}", Code.UNSAFE_IN_SHELL),
        ("cat <<EOF\na\\\nEOF\nEOF\nrun {{ x }}", Code.UNSAFE_IN_SHELL),
        ('echo "${a:-\'}" {{ x }}', Code.UNSAFE_IN_SHELL),
        ("echo $(cat <<EOF)\na\nEOF\n{{ x }}", Code.UNSAFE_IN_SHELL),
        ("(run)#it's\nrun {{ x }}", Code.UNSAFE_IN_SHELL),
    ],
)
def test_s02_everywhere_else_they_are_refused(script: str, code: Code) -> None:
    """In quotes with BS0310; where the shell would not read a word, or it is not certain, with BS0311."""
    with pytest.raises(TemplateError) as caught:
        compile_script(script)
    assert caught.value.code is code
    assert script[caught.value.start : caught.value.end] == "{{ x }}"


FRAGMENTS = [
    *(
        "{{ x }}",
        "echo ",
        "cat ",
        "a",
        "b=",
        " ",
        "\n",
        "; ",
        "&& ",
        "|| true",
        "true",
        "(true)",
        "1+1",
        "%",
        "~",
        "*",
    ),
    *(
        '"',
        "'",
        "$'",
        '$"',
        "`",
        "\\",
        "\\\n",
        "$",
        "$(",
        ")",
        "(",
        "((",
        "$((",
        "))",
        "${a:-",
        "${a}",
        "}",
        "{1..2}",
    ),
    *(
        "#",
        " # ",
        "<<EOF\n",
        "<<'EOF'\n",
        "<<-EOF\n",
        "\nEOF\n",
        "EOF",
        "<<<",
        "<(",
        "<<",
        "[[ ",
        " ]]",
        "=~ ",
    ),
    *("case a in a) ", " ;; esac ", "if true; then ", "fi\n"),
]
HOSTILE = [
    "'\"$(>made)`>made`\\'\"'",
    "\nEOF\n>made\n",
    "';>made;'",
    '";>made;"',
    ")\n>made\n",
    "a[$(>made)]",
    "}`>made`",
    "\\$(>made)",
    "\\';>made;#",
    "))\n>made\n",
]


@given(st.lists(st.sampled_from(FRAGMENTS), min_size=2, max_size=14), st.sampled_from(HOSTILE))
@settings(max_examples=400, suppress_health_check=[HealthCheck.function_scoped_fixture])
@example(["b=(", "{{ x }}", "a", "; ", "if true; then ", "\n"], "\n>made\n")
def test_s02_no_accepted_script_runs_its_value(tmp_path: Path, fragments: list[str], value: str) -> None:
    """However odd the script, right or wrong, what it is given is never a command."""
    try:
        template = compile_script("".join(fragments))
    except TemplateError:
        return
    if template.references:
        run(template.render({"x": value}), tmp_path)
        assert not (tmp_path / "made").exists()
