"""The pure tests: values in, values out. `pytest -m pure` runs them alone, in half a minute.

They are told by where they lie and what they ask for. They start no process and open no socket: one that tries fails.
"""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

TESTS = Path(__file__).parent

FOLDERS = frozenset(
    {
        "cost",
        "engine",
        "formula",
        "golden",
        "importing",
        "lints",
        "packs",
        "plan",
        "preflight",
        "render",
        "report",
        "resources",
        "right",
        "safety",
        "schema",
        "spec",
        "stuck",
    }
)

# In these folders all the same: what starts processes, and properties that are drawn for many seconds.
OTHERS = frozenset(
    {
        "cost/test_cost_commands.py",
        "cost/test_prices.py",
        "engine/test_asking.py",
        "formula/test_syntax.py::test_lark_is_imported_where_there_is_a_formula",
        "lints/test_validate_formats.py",
        "packs/test_packing.py",
        "packs/test_packs.py::test_no_files",
        "packs/test_packs.py::test_what_goes_in_comes_out",
        "packs/test_unpack.py::test_an_empty_folder",
        "packs/test_unpack.py::test_it_is_what_was_packed",
        "plan/test_identity.py",
        "plan/test_identity_rows.py",
        "plan/test_quiet_plans.py",
        "report/test_browser.py",
        "render/test_door.py::test_4_3_an_error_says_error_in_one_line_only",
        "render/test_door.py::test_an_error_that_nobody_reads_is_no_crash",
        "right/test_wrapper.py",
        "spec/test_schema_check.py::test_the_quick_answer_knows_every_keyword_of_the_schema",
        "spec/test_schema_check.py::test_the_quick_answer_is_that_of_jsonschema",
        "spec/test_shell.py",
        "spec/test_template.py::test_braces_of_another_language",
        "spec/test_template.py::test_plain_placeholders_do_not_load_jinja2",
        "stuck/test_start_tasks_and_preparation.py",
    }
)

# Fixtures that have something running behind them.
STARTED = frozenset({"shared_account", "home", "served"})

FORBIDDEN = frozenset(
    {
        "os.exec",
        "os.fork",
        "os.forkpty",
        "os.posix_spawn",
        "os.system",
        "pty.spawn",
        "socket.__new__",
        "subprocess.Popen",
    }
)

_guarded: list[str] = []  # the pure test that runs now


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Whoever asks for pure tests alone does not wait until the others are imported."""
    if (
        config.getoption("markexpr") != "pure"
        or collection_path == TESTS
        or TESTS not in collection_path.parents
    ):
        return None
    return not _may_be_pure(collection_path) or None


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        name = f"{_below(item.path)}::{getattr(item, 'originalname', item.name)}"
        started = STARTED & set(getattr(item, "fixturenames", ()))
        if _may_be_pure(item.path) and name not in OTHERS and not started:
            item.add_marker("pure")


@pytest.fixture(autouse=True)
def _guard(request: pytest.FixtureRequest) -> Iterator[None]:
    if request.node.get_closest_marker("pure") is None:
        yield
        return
    _guarded.append(request.node.nodeid)
    yield
    _guarded.clear()


def _may_be_pure(path: Path) -> bool:
    below = _below(path)
    return below.partition("/")[0] in FOLDERS and below not in OTHERS


def _below(path: Path) -> str:
    return path.relative_to(TESTS).as_posix()


def _refuse(event: str, _arguments: tuple[Any, ...]) -> None:
    """Ends a pure test by an exception that no `except Exception` takes."""
    if event in FORBIDDEN and _guarded:
        pytest.fail(f"{_guarded[0]} is pure, and {event} was called; if it has to, name it in tests/pure.py")


sys.addaudithook(_refuse)
