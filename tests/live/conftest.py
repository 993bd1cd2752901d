"""The account that the environment names, for those who ask for it; and what of it the checks share."""

import os
from collections.abc import Iterator
from secrets import token_hex

import pytest

from batchspec.service.connect import Account, connect
from live.facts import Facts, run_facts

_NEEDED = ("AZURE_BATCH_ENDPOINT",)
_ONE_OF = ("AZURE_STORAGE_ACCOUNT", "AZURE_STORAGE_CONNECTION_STRING")

# Kept when the tests are read: during a test the operator's variables are taken away.
_ENVIRONMENT = dict(os.environ)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Everything in this folder is `live`, and skipped where it was not asked for."""
    why = _why_not(str(config.getoption("markexpr")))
    for item in items:
        if item.path.parent.name == "live":
            item.add_marker(pytest.mark.live)
            if why:
                item.add_marker(pytest.mark.skip(reason=why))


def _why_not(marks: str) -> str:
    missing = [name for name in _NEEDED if not _ENVIRONMENT.get(name)]
    if not any(_ENVIRONMENT.get(name) for name in _ONE_OF):
        missing.append(" or ".join(_ONE_OF))
    if missing:
        return f"no Azure account is named: {', '.join(missing)} not set"
    return "" if "live" in marks else "costs money on the Azure account: ask for it with -m live"


@pytest.fixture(scope="session")
def operator() -> dict[str, str]:
    """The environment of the person who runs this, their account and sign-in included."""
    return _ENVIRONMENT


@pytest.fixture(scope="session")
def azure(operator: dict[str, str]) -> Iterator[Account]:
    """The account, connected to as the product does."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in operator.items():
            patch.setenv(name, value)
        account = connect("azure", print)
    yield account
    account.close()


@pytest.fixture(scope="session")
def facts(azure: Account) -> Iterator[Facts]:
    """One dedicated node that has run every task of the facts; taken away again."""
    yield from run_facts(azure, f"live-{token_hex(4)}")
