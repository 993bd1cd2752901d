"""Where in a bash script a quoted word may be put without the script changing its meaning.

A value in single quotes is safe where bash reads a plain word. Inside quotes,
here-documents, comments, backticks, `${...}` and arithmetic it is not: there
its own quotes are text, or close those around it. This follows bash's reading
as far as it is certain; past a construct it cannot follow, it refuses.

Source: bash reference manual 5.2, "Quoting", "Shell Expansions", "Here Documents"; tried on bash 5.2.
"""

import re
from collections.abc import Iterator
from typing import NamedTuple

from batchspec.patterns import lazy_regex

SLOT = "\0"
"""Stands in the script for one placeholder. Bash itself can have no NUL in a script."""

_HEREDOC = lazy_regex(
    r"<<(?P<tabs>-?)[ \t]*(?:'(?P<single>[^'\n\0]*)'|\"(?P<double>[^\"\\$`\n\0]*)\"|(?P<bare>[\w.!%+,:@/-]+))"
    r"(?=[\s;&|()<>]|\Z)"
)
_VERBATIM = {  # from after the opener to the end
    "'": re.compile(r"[^']*'"),
    "$'": re.compile(r"(?:\\.|[^'\\])*'", re.DOTALL),
    "`": re.compile(r"(?:\\.|[^`\\])*`", re.DOTALL),
}
_OPENERS = ("$((", "$(", "${", "$'", '$"', "<(", ">(", "((", "(", "'", '"', "`")
_CONTROL = lazy_regex(r"[\x00-\x1f\x7f]")
_WORD_ENDS = frozenset(" \t\n;&|()<>")


def word(text: str) -> str:
    """*text* as one word of bash, always quoted, on one line. Raises `ValueError` for U+0000.

    Without quotes even harmless characters can mean something where they stand:
    `2` before `>`, `a=b` before a command, `,` in braces. And a line end could
    end more than a line: after some syntax errors bash goes on with the next
    line, which must not be one of the value's.
    """
    if "\0" in text:
        raise ValueError("gives the character U+0000, which no command can have")
    if not _CONTROL.search(text):
        return "'" + text.replace("'", "'\"'\"'") + "'"
    escaped = text.replace("\\", "\\\\").replace("'", "\\'")
    return "$'" + _CONTROL.sub(lambda match: f"\\{ord(match[0]):03o}", escaped) + "'"


class Refusal(NamedTuple):
    """A slot (counted from 0) that is not safe: in what, and whether that is quotes."""

    slot: int
    inside: str
    is_quotes: bool


def refusals(script: str) -> Iterator[Refusal]:
    """The slots of *script* where a quoted word would not stay one word, in order."""
    return _Reader(script).refusals()


_BEFORE_SEVERAL = lazy_regex(r"(?:^|[\s;&|()])\Z")
_AFTER_SEVERAL = lazy_regex(r"[\s;&|()]|\Z")
_ONE_WORD_FOLLOWS = lazy_regex(r"(?:[<>]{1,3}|[<>]&|>\||\bcase)[ \t]*\Z")


def single_words(script: str) -> Iterator[int]:
    """The slots where bash reads one word: part of a word, an assignment, a redirection, `case`, `[[ ... ]]`."""
    for number, match in enumerate(re.finditer(SLOT, script)):
        before, after = script[: match.start()], script[match.end() :]
        is_word = _BEFORE_SEVERAL.search(before[-1:]) and _AFTER_SEVERAL.match(after)
        in_test = before.rfind("[[ ") > before.rfind(" ]]")
        if not is_word or in_test or _ONE_WORD_FOLLOWS.search(before):
            yield number


class _Reader:
    """Walks the script with a stack of what is open.

    The stack holds openers; `(` is a command substitution or subshell, `((` arithmetic.
    """

    def __init__(self, script: str) -> None:
        self._script = script
        self._at = 0
        self._stack: list[str] = []
        self._heredocs: list[tuple[str, bool, bool, int]] = []  # end line, tabs stripped, quoted, stack depth
        self._word_start = True
        self._lost = ""  # set to the construct past which nothing is certain
        self._slots = 0

    def refusals(self) -> Iterator[Refusal]:
        while self._at < len(self._script):
            before = self._slots
            inside = self._step()
            inside = inside and (self._lost or inside)
            for slot in range(before, self._slots):
                if inside:
                    yield Refusal(slot, inside, inside in ("double quotes", "single quotes"))

    def _step(self) -> str:
        """Read one piece; what any slots in it are unsafely inside of, or nothing."""
        top = self._stack[-1] if self._stack else ""
        if top in ("'", "$'", "`"):
            return self._verbatim(top)
        if top == '"':
            return self._double_quoted()
        if top == "${":
            return self._parameter()
        if top in ("((", "(arithmetic"):
            return self._arithmetic(top)
        return self._bare(top)

    def _verbatim(self, opener: str) -> str:
        """Up to the end of single quotes, $'...' or backticks: nothing in them needs following."""
        pattern = _VERBATIM[opener]
        match = pattern.match(self._script, self._at)
        self._take(match.end() - self._at if match else len(self._script))
        self._stack.pop()
        self._word_start = False
        return "backticks" if opener == "`" else "single quotes"

    def _double_quoted(self) -> str:
        if self._next('"'):
            self._stack.pop()
        elif not self._escape() and not self._open("$((", "$(", "${", "`"):
            self._take(1)
            return "double quotes"
        return "double quotes"

    def _parameter(self) -> str:
        """In `${...}`. Inside double quotes, what a single quote is depends on the operator."""
        if self._script.startswith("'", self._at) and '"' in self._stack:
            self._lost = "a single quote in ${...} in double quotes"
        if self._next("}"):
            self._stack.pop()
        elif not self._escape() and not self._open("$((", "$(", "${", "$'", "'", '"', "`"):
            self._take(1)
        return "${...}"

    def _arithmetic(self, top: str) -> str:
        """In `((...))`; what is not one after all (a subshell in a subshell) is given up."""
        if top == "((" and self._next("))"):
            self._stack.pop()
        elif self._next(")"):
            if top == "((":
                self._lost = "((...) ...)"
            self._stack.pop()
        elif self._next("("):
            self._stack.append("(arithmetic")
        elif not self._escape() and not self._open("$((", "$(", "${", "$'", "'", '"', "`"):
            if re.match(r"\n|\s#", self._script[self._at : self._at + 2]):
                self._lost = "((...)) over several lines"
            self._take(1)
        return "arithmetic"

    def _bare(self, top: str) -> str:
        character = self._script[self._at]
        if character == SLOT:
            return self._word_slot()
        if character == "#" and self._word_start:
            return self._comment()
        if character == "\n":
            self._take(1)
            self._word_start = True
            return self._here_documents()
        if self._script.startswith("<<", self._at) and not self._script.startswith("<<<", self._at):
            return self._here_document_starts()
        if character == ")":
            return self._close(top)
        if self._escape():
            return "an escape"
        self._leave_if_unclear()
        if not self._next("<<<") and not self._open(*_OPENERS):
            self._take(1)
            self._word_start = character in _WORD_ENDS
        return "a $ before it"  # only `$` directly before a slot takes the slot along

    def _word_slot(self) -> str:
        before = self._script[self._at - 1] if self._at else ""
        self._take(1)
        self._word_start = False
        if self._lost:
            return self._lost
        return "a $ before it" if before == "$" and not self._escaped(self._at - 2) else ""

    def _escaped(self, index: int) -> bool:
        """Whether an odd number of backslashes stands before *index*."""
        head = self._script[:index]
        return (len(head) - len(head.rstrip("\\"))) % 2 == 1

    def _close(self, top: str) -> str:
        self._take(1)
        if top == "(":
            self._stack.pop()
        self._word_start = True
        if self._script.startswith("#", self._at):
            self._lost = ")#"  # a comment after a subshell, a word after a substitution
        return ""

    def _comment(self) -> str:
        end = self._script.find("\n", self._at)
        self._take((end if end >= 0 else len(self._script)) - self._at)
        return "a comment"

    def _leave_if_unclear(self) -> None:
        """Give up at what only bash itself could follow."""
        rest = self._script[self._at : self._at + 5]
        if rest.startswith("$["):
            self._lost = "$[...]"
        elif re.match(r"[$<>(]\\\n", rest):
            self._lost = "an operator broken over two lines"
        elif self._word_start and re.match(r"case\b", rest) and not set(self._stack) <= {"("}:
            self._lost = "case in a substitution in quotes"

    def _here_document_starts(self) -> str:
        match = _HEREDOC.match(self._script, self._at)
        if match is None:
            self._lost = "a here-document with an unusual end"
            self._take(2)
            return ""
        quoted = match["bare"] is None
        end = match["bare"] or match["single"] or match["double"] or ""
        self._heredocs.append((end, bool(match["tabs"]), quoted, len(self._stack)))
        self._take(match.end() - self._at)
        self._word_start = False
        return ""

    def _here_documents(self) -> str:
        """After a line end: the bodies of the here-documents that the line began."""
        pending, self._heredocs = self._heredocs, []
        for end, tabs, quoted, depth in pending:
            if depth != len(self._stack):
                self._lost = "a here-document begun outside of a substitution"
            while self._at < len(self._script):
                line = self._script[self._at :].split("\n", 1)[0]
                self._take(len(line) + 1)
                if (line.lstrip("\t") if tabs else line) == end:
                    break
                if (not quoted and line.endswith("\\")) or (
                    self._stack and line.lstrip().startswith(end + ")")
                ):
                    self._lost = "a here-document whose end is unclear"
        return "a here-document"

    def _escape(self) -> bool:
        """Take a backslash and what it escapes; a line that goes on leaves no trace."""
        if not self._script.startswith("\\", self._at):
            return False
        if not self._script.startswith("\\\n", self._at):
            self._word_start = False
        self._take(2)
        return True

    def _open(self, *openers: str) -> bool:
        for opener in openers:
            if self._next(opener):
                if opener == "${" and re.match(r"[\s|]", self._script[self._at : self._at + 1]):
                    self._lost = "${ ...; }"
                self._stack.append(
                    {"$((": "((", "$(": "(", "<(": "(", ">(": "(", '$"': '"'}.get(opener, opener)
                )
                self._word_start = self._stack[-1] == "("
                return True
        return False

    def _next(self, text: str) -> bool:
        if not self._script.startswith(text, self._at):
            return False
        self._take(len(text))
        return True

    def _take(self, length: int) -> None:
        """Go on by *length* characters, counting the slots among them."""
        piece = self._script[self._at : self._at + length]
        self._slots += piece.count(SLOT)
        self._at += len(piece)
