"""What is a formula, and where it is none."""

import subprocess
import sys

import pytest

from batchspec.formula.syntax import Assignment, FormulaSyntaxError, FormulaTooLongError, Name, parse


@pytest.mark.parametrize(
    "text",
    [
        "",
        ";;",
        "// nothing but a comment",
        "$TargetDedicatedNodes=1",
        "$TargetDedicatedNodes = 1; // the last one\n",
        "a=1;b=2;\n\n$c = a\n+ b;",
        "time().weekday == 1 ? 5:1",
        "x = -(1 + 2) * !0 / .5;",
        'since = time() - time("Thu, 13 Oct 2016 19:18:47 GMT");',
        "p = percentile($CPUPercent.GetSample(TimeInterval_Minute * 10), 90)",
        "v = [1, 2, 3]; e = [];",
    ],
)
def test_what_is_one(text: str) -> None:
    """Statements, the last without its semicolon, comments and empty statements."""
    parse(text)


def test_a_statement_without_a_name_is_one_too() -> None:
    """`$something` alone is evaluated (recorded for the SDK for JavaScript: an evaluation error, no syntax error)."""
    (statement,) = parse("$something")
    assert statement == Name((1, 1), "$something")
    (assignment,) = parse("\n  a = $something;")
    assert isinstance(assignment, Assignment)
    assert assignment.at == (2, 3)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("$T = (1", "line 1, column 8: the formula ends too soon"),
        ("$T = 1 +\n", "line 1, column 9: the formula ends too soon"),
        ("a = 1 b = 2", "line 1, column 7: `b` is unexpected here"),
        ("a = 1;\nb = 2 # 3;", "line 2, column 7: `#` is unexpected here"),
        ("a = 'x';", "line 1, column 5: `'` is unexpected here"),
        ("a = b = 1;", "line 1, column 7: `=` is unexpected here"),
        ("a = 5 % 2;", "line 1, column 7: `%` is unexpected here"),
        ("if (a) b = 1;", "line 1, column 8: `b` is unexpected here"),
        ("a = 1 ? 2;", "line 1, column 10: `;` is unexpected here"),
        ("1 = a;", "line 1, column 3: `=` is unexpected here"),
    ],
)
def test_what_is_none(text: str, message: str) -> None:
    """The place is named, by line and column."""
    with pytest.raises(FormulaSyntaxError) as caught:
        parse(text)
    assert str(caught.value) == message


@pytest.mark.parametrize("text", ["a=1;" * 101, "x = 1; //" + "." * 8192])
def test_what_is_too_long(text: str) -> None:
    """At most 8,192 characters and 100 statements."""
    with pytest.raises(FormulaTooLongError):
        parse(text)


def test_precedence() -> None:
    """As in C: choice, or, and, equality, order, sum, product, sign."""
    plain = parse("a || b && c == d < e + f * -g ? h : i ? j : k")
    explicit = parse("((a || (b && (c == (d < (e + (f * (-g))))))) ? h : (i ? j : k))")
    shown = [str([type(node).__name__ for node in tree[0].walk()]) for tree in (plain, explicit)]
    assert shown[0] == shown[1]


def test_lark_is_imported_where_there_is_a_formula() -> None:
    """Not by importing the package."""
    code = "import sys, batchspec.formula.evaluate, batchspec.formula.bounds; print('lark' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"
