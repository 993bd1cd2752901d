"""Which tasks a cancel would end, and ending them."""

from __future__ import annotations

from dataclasses import dataclass

from batchspec.engine.cancel import Cancellable, cancel
from batchspec.engine.run.summary import still_there
from batchspec.language.model import Spec
from batchspec.service.connect import Account


@dataclass(frozen=True)
class Cancellation:
    """A cancel that is to be agreed to: `found` is what it would end."""

    account: Account
    spec: Spec
    found: Cancellable

    def cancel(self) -> int:
        """Ends the tasks, and says how many."""
        return cancel(self.account, self.found)

    def still_there(self) -> list[str]:
        """What is left in the account, and what of it costs money."""
        return still_there(self.account, self.spec, "", detached=not self.found.holder)
