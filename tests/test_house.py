"""The house rules that a machine can read: who imports whom, one door for each dependency, lint and types."""

import ast
import functools
import graphlib
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "batchspec"

# From the bottom up: a room imports itself and what stands before it. OPEN is open to all of them.
ROOMS = (
    "resources",
    "cost",
    "ledger",
    "document",
    "language/glob",
    "language/templates",
    "language/schema",
    "language/rows",
    "language",
    "shipyard/reading",
    "shipyard/tasks",
    "shipyard",
    "desired",
    "desired/artifacts",
    "desired/bodies",
    "desired/expansion",
    "plan",
    "plan/verdicts",
    "plan/actions",
    "plan/checks",
    "service/http",
    "service/blob",
    "service/batch",
    "service",
    "engine/look/remembered",
    "engine/look/machine",
    "engine/look",
    "engine/health",
    "engine/history",
    "engine/run/progress",
    "engine/run/sending",
    "engine/run/downloads",
    "engine/run",
    "engine",
    "render",
    "render/findings",
    "render/plans",
    "render/report",
    "render/runs",
    "render/watching",
    "workload",
    "cli",
    "cli/commands",
)
OPEN = frozenset(
    {"errors", "codes", "secrecy", "source", "version", "classes", "counts", "events", "patterns"}
)
# Open to all rooms, the emulator too, and imports none: the language of autoscale formulas.
ALONE = "formula"

# The emulator stands alone, and has an order of its own.
EMULATOR = (
    "emulator/state",
    "emulator/http",
    "emulator/node",
    "emulator/life/account",
    "emulator/life/pools",
    "emulator/life/jobs",
    "emulator/life",
    "emulator/operations",
    "emulator/host",
    "emulator",
)

# Outside its door, a dependency is not imported.
DOORS = {
    "azure": ("service/",),
    "requests": ("service/http/proxied.py",),
    "certifi": ("service/http/direct.py",),
    "click": ("cli/",),
    "jinja2": ("language/templates/sandbox.py", "render/report/page.py"),
    "yaml": ("document/parser.py",),
    "jsonschema": ("language/schema/findings.py",),
    "lark": ("formula/syntax.py",),
    "rich": ("cli/live.py", "render/show.py"),
    "sqlite3": ("emulator/", "engine/look/remembered/cache.py", "ledger/database.py"),
    "starlette": ("emulator/",),
    "uvicorn": ("emulator/",),
    "psutil": ("emulator/",),
    "jwt": ("emulator/",),
}

LARGE = {PACKAGE / "cli" / "commands"}  # a file for each command

MODULES = sorted(PACKAGE.rglob("*.py"))


@functools.cache
def imports_of(module: Path, *, at_run_time: bool = False) -> tuple[str, ...]:
    """The dotted names that *module* imports, those inside functions too; *at_run_time* not those of types alone."""
    return tuple(_imports_of(module, at_run_time=at_run_time))


def _imports_of(module: Path, *, at_run_time: bool) -> Iterator[str]:
    todo: list[ast.AST] = [ast.parse(module.read_text(encoding="utf-8"))]
    while todo:
        node = todo.pop()
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{module} imports relatively"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        elif not (at_run_time and isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"):
            todo.extend(ast.iter_child_nodes(node))


def room_of(dotted: str) -> str:
    """The room that a dotted name is in: `engine/run` for `batchspec.engine.run.apply.Apply`."""
    parts = dotted.split(".")[1:]
    while parts and not PACKAGE.joinpath(*parts).is_dir():
        parts.pop()
    return "/".join(parts)


def module_of(dotted: str) -> str:
    """The module that an imported name is, or is in."""
    parts = dotted.split(".")
    is_module = ROOT.joinpath(*parts).with_suffix(".py").exists() or ROOT.joinpath(*parts).is_dir()
    return dotted if is_module else ".".join(parts[:-1])


def test_imports_point_downward() -> None:
    """A module imports its own room and those below; the emulator stands alone, but for who starts it."""
    assert [
        f"{module.relative_to(ROOT)} imports {name}"
        for module in MODULES
        for name in imports_of(module)
        if name.startswith("batchspec") and not may_import(module, name)
    ] == []


def may_import(module: Path, name: str) -> bool:
    room = "/".join(module.relative_to(PACKAGE).parts[:-1])
    order = EMULATOR if room.startswith("emulator") else ROOMS
    other = room_of(name)
    is_open = order is ROOMS and room != ALONE and module_of(name).split(".")[-1] in OPEN
    if not room or (not other and is_open):
        return True
    below = order[: order.index(room) + 1] if room != ALONE else ()
    return other in {ALONE, *below, *(["emulator/host"] if room == "service" else [])}


def test_a_room_is_small_and_says_what_it_is_for() -> None:
    """Its `__init__` says it. With more than fifteen modules it is two rooms."""
    for room in {module.parent for module in MODULES}:
        modules = {module.name for module in room.glob("*.py")} - {"__init__.py"}
        assert len(modules) <= 15 or room in LARGE, room
        assert ast.get_docstring(ast.parse((room / "__init__.py").read_text(encoding="utf-8"))), room


def test_no_modules_import_each_other() -> None:
    """At run time no imports go in a circle."""
    names = {module_name(module): module for module in MODULES}
    graph = {
        name: {
            other for found in imports_of(module, at_run_time=True) if (other := module_of(found)) in names
        }
        - {name}
        for name, module in names.items()
    }
    graphlib.TopologicalSorter(graph).prepare()  # raises CycleError, which names them


def module_name(module: Path) -> str:
    return ".".join(module.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


def test_each_dependency_has_one_door() -> None:
    """A dependency is imported only where its door is."""
    assert [
        f"{where} imports {name}; its door is {doors}"
        for module in MODULES
        for name in imports_of(module)
        for where, doors in [(module.relative_to(PACKAGE).as_posix(), DOORS.get(name.split(".")[0]))]
        if doors is not None and not where.startswith(doors)
    ] == []


PRINTS = re.compile(
    r"\b(click\.(?:echo|secho|prompt|confirm)|print|sys\.(?:stdout|stderr)\.write(?:lines)?)\("
)


def test_all_text_leaves_by_one_door() -> None:
    """Whatever is printed has been made safe to look at. The emulator's own process has no reader."""
    assert [
        f"{where} has {found}"
        for module in MODULES
        for where in [module.relative_to(PACKAGE).as_posix()]
        if where != "cli/door.py" and not where.startswith("emulator/")
        for found in PRINTS.findall(module.read_text(encoding="utf-8"))
    ] == []


def test_only_what_others_publish_is_imported() -> None:
    """A private module of a dependency may be gone in its next release."""
    assert [
        f"{module.relative_to(ROOT)} imports {name}"
        for module in MODULES
        for name in imports_of(module)
        if not name.startswith(("batchspec.", "__future__."))
        if any(part.startswith("_") for part in name.split("."))
    ] == []


def test_start_up_imports_no_azure_package() -> None:
    """The list of commands is there without any of them; `validate` and every `--help` without an Azure package."""
    code = """
import sys
from batchspec.cli.main import cli, _COMMANDS
cli.main(["--help"], standalone_mode=False)
commands = {name for name in sys.modules if name.startswith(("batchspec.cli.commands.", "yaml", "sqlite3"))}
assert not commands, commands
assert max(map(len, _COMMANDS.values())) <= 68, "the list of commands does not fit into 80 columns"
for words in [*([name, "--help"] for name in _COMMANDS), ["validate", "specs/ffmpeg.yaml"]]:
    cli.main(words, standalone_mode=False)
loaded = {name.partition(".")[0] for name in sys.modules}
unwanted = loaded & {"azure", "rich", "requests", "jsonschema", "jinja2", "lark", "tarfile", "zipfile"}
assert not unwanted, unwanted
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
