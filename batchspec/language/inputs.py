"""What a group says of its inputs, with its globs read."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from batchspec.codes import Code
from batchspec.document.document import Document
from batchspec.language.glob.pattern import Glob
from batchspec.language.glob.pattern import parse as parse_glob
from batchspec.language.glob.syntax import GlobError
from batchspec.language.model import Blobs, LocalFiles
from batchspec.language.templates.deferred import Deferred
from batchspec.source import Diagnostic, Path, Severity, path_text

_ALL = "**"


class InputsReader:
    """Reads the inputs of groups; what is wrong with a glob goes to *findings*, the rest to `warnings`."""

    def __init__(self, document: Document, findings: list[Diagnostic]) -> None:
        self.warnings: list[Diagnostic] = []
        self._document = document
        self._findings = findings

    def read(self, group: Mapping[str, Any], path: Path) -> LocalFiles | Blobs | None:
        """The files or blobs that *group*, which stands at *path*, is made from; None where it is not."""
        if "inputs" not in group or (isinstance(group["inputs"], Mapping) and "from" in group["inputs"]):
            return None
        inputs, where = group["inputs"], (*path, "inputs")
        exclude = self._globs(group.get("exclude", []), (*path, "exclude"), hidden=True)
        allow_empty = group.get("allowEmpty", False)
        if not isinstance(inputs, Mapping):
            return LocalFiles(self._globs(inputs, where), exclude, allow_empty)
        # Storage knows of no hidden names.
        match = self._glob(inputs.get("match", _ALL), (*where, "match"), hidden=True)
        return Blobs(
            inputs["container"], inputs.get("prefix", ""), match or parse_glob(_ALL), exclude, allow_empty
        )

    def _globs(self, texts: Any, path: Path, *, hidden: bool = False) -> tuple[Glob, ...]:
        """The globs that *texts* is, one or a list, without those that cannot be read."""
        if isinstance(texts, str):
            found = [self._glob(texts, path, hidden=hidden)]
        else:
            found = [self._glob(text, (*path, i), hidden=hidden) for i, text in enumerate(texts)]
        return tuple(glob for glob in found if glob is not None)

    def _glob(self, text: str, path: Path, *, hidden: bool) -> Glob | None:
        if isinstance(text, Deferred):
            return None  # there is a finding already
        try:
            glob = parse_glob(text, hidden=hidden)
        except GlobError as error:
            self._findings.append(self._finding(Code.BAD_GLOB, path, error.message, error.span, error.helps))
            return None
        self.warnings += (
            self._finding(
                Code.LITERAL_BRACES, path, found.message, found.span, (found.help,), Severity.WARNING
            )
            for found in glob.warnings
        )
        return glob

    def _finding(
        self,
        code: Code,
        path: Path,
        what: str,
        span: tuple[int, int],
        helps: tuple[str, ...],
        severity: Severity = Severity.ERROR,
    ) -> Diagnostic:
        summary = f"{path_text(path)}: {what}"
        return self._document.diagnostic(
            code, summary, path, helps=helps, span=span if any(span) else None, severity=severity
        )
