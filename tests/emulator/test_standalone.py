"""The endpoint stands alone."""

import ast
from pathlib import Path

FOLDER = Path(__file__).parents[2] / "batchspec" / "emulator"

_OURS = ("batchspec.emulator", "batchspec.formula")


def test_it_imports_nothing_of_the_rest() -> None:
    """No module of the emulator imports another part of batchspec but the language of formulas, or an Azure package."""
    found = []
    for path in FOLDER.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom):
                names = [node.module or "."]
            found += [
                f"{path.name}: {name}"
                for name in names
                if name.split(".")[0] in ("azure", "click")
                or (name.startswith("batchspec") and not name.startswith(_OURS))
            ]
    assert found == []
