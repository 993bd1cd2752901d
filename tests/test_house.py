"""The house rules that a machine can read: who imports whom, one door for each dependency, lint and types."""

import ast
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "batchspec"

# From the bottom up: a part imports itself and what stands before it. OPEN is open to all.
LAYERS = ("resources", "spec", "plan", "service", "engine", "render", "cli")
OPEN = frozenset({"errors", "rows", "secrecy", "source", "__version__", "__init__"})

# Outside its door, a dependency is not imported.
DOORS = {
    "azure": ("service/",),
    "requests": ("service/proxied.py",),
    "certifi": ("service/transport.py",),
    "click": ("cli/",),
    "jinja2": ("spec/template.py",),
    "yaml": ("spec/document.py",),
    "jsonschema": ("spec/schema.py",),
    "rich": ("cli/display.py",),
    "sqlite3": ("emulator/", "engine/digests.py", "rows.py"),
    "starlette": ("emulator/",),
    "uvicorn": ("emulator/",),
    "psutil": ("emulator/",),
    "jwt": ("emulator/",),
}

MODULES = sorted(PACKAGE.rglob("*.py"))


def imports_of(module: Path) -> Iterator[str]:
    """The dotted names that *module* imports, those inside functions too."""
    for node in ast.walk(ast.parse(module.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{module} imports relatively"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def part_of(dotted: str) -> str:
    """The part of batchspec that a dotted name is in: `engine` for `batchspec.engine.apply.Apply`."""
    return dotted.split(".")[1] if "." in dotted else ""


@pytest.mark.parametrize("module", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_point_downward(module: Path) -> None:
    """A module imports its own part of the house and those below; the emulator stands alone."""
    part = module.relative_to(PACKAGE).parts[0]
    for name in imports_of(module):
        if not name.startswith("batchspec"):
            continue
        other = part_of(name)
        if part == "emulator":
            assert other == "emulator", f"the emulator imports {name}"
        elif other not in OPEN and part in LAYERS:
            allowed = {*LAYERS[: LAYERS.index(part) + 1], *(["emulator"] if part == "service" else [])}
            assert other in allowed, f"{part} imports {name}"


@pytest.mark.parametrize("module", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_each_dependency_has_one_door(module: Path) -> None:
    """A dependency is imported only where its door is."""
    where = module.relative_to(PACKAGE).as_posix()
    for name in imports_of(module):
        doors = DOORS.get(name.split(".")[0])
        assert doors is None or where.startswith(doors), f"{where} imports {name}; its door is {doors}"


def test_start_up_imports_no_azure_package() -> None:
    """`validate` and every `--help` start without an Azure package, and `validate` without rich."""
    code = """
import sys
from batchspec.cli.main import cli, _COMMANDS
for words in [["--help"], *([name, "--help"] for name in _COMMANDS), ["validate", "specs/ffmpeg.yaml"]]:
    cli.main(words, standalone_mode=False)
loaded = {name.partition(".")[0] for name in sys.modules}
assert not loaded & {"azure", "rich", "requests"}, loaded & {"azure", "rich", "requests"}
"""
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    "command",
    [["ruff", "check", "."], ["ruff", "format", "--check", "."], ["mypy"]],
    ids=["ruff-check", "ruff-format", "mypy"],
)
def test_lint_and_types_are_clean(command: list[str]) -> None:
    """The code passes the linter, the formatter and the strict type checker."""
    tool = shutil.which(command[0], path=str(Path(sys.executable).parent))
    assert tool is not None, f"{command[0]} is not installed; it is in the extra `dev`"
    done = subprocess.run([tool, *command[1:]], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
