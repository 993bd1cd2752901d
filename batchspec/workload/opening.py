"""The account that work goes to, opened once and told of."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from batchspec.service.connect import Account

Tell = Callable[[str], None]
"""Is told, in a line, what takes long and what a call waits for."""


def opened(target: str, tell: Tell, until: ExitStack, prices: str | None = None) -> Account:
    """The account of *target*, `local` or `azure`, open until *until* closes. *tell* is told which it is.

    *prices* names where its prices are, if they are not Azure's list.
    """
    from batchspec.service.connect import connect

    account = connect(target, tell, prices)
    until.callback(account.close)
    until.enter_context(account.heard(tell))
    tell(f"{account.offer.title}: {account.name}")
    return account
