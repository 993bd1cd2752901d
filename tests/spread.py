"""How tests are spread over workers: where each takes seconds, one by one; elsewhere by file; the long ones first.

So none waits for long at the end, and what the tests of a file share is made once.
"""

import os

import pytest
from xdist.remote import Producer
from xdist.scheduler import LoadScopeScheduling

ONE_BY_ONE = frozenset({"crash", "emulator", "faults", "main_job", "stuck", "tokens", "workloads"})

# What one worker would still be at when the others have nothing left to do.
LONG = (
    "bench/test_bench.py",
    "crash/test_rule_machine.py",
    "crash/test_crash.py",
    "test_house.py::test_lint_and_types_are_clean",
)

WAITING = 3  # workers more than cores: most tests wait for processes most of the time


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    """As many as there are cores, and some more where they wait."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return cores if config.getoption("markexpr") == "pure" else cores + WAITING


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> LoadScopeScheduling | None:
    return (
        _Spread(config, log) if config.getoption("dist") == "loadscope" else None
    )  # else as it was asked for


class _Spread(LoadScopeScheduling):
    def _split_scope(self, nodeid: str) -> str:
        """What goes to one worker together: a test, or those of a file."""
        name = nodeid.removeprefix("tests/")
        file, _, _ = name.partition("::")
        alone = file.partition("/")[0] in ONE_BY_ONE or name.startswith(LONG)
        return name if alone else file


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: not item.nodeid.removeprefix("tests/").startswith(LONG))
