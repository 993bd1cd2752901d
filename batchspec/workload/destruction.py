"""What a destroy would take away, and taking it away."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property

from batchspec.desired.places import Places
from batchspec.engine.destroy import Deleted, Doomed, destroy, forget_lock, note_or_forget
from batchspec.engine.run.progress.lock import locked
from batchspec.language.model import Spec
from batchspec.service.connect import Account


@dataclass(frozen=True)
class Destruction:
    """A destroy that is to be agreed to: `doomed` is what it would take away and what it would leave."""

    account: Account
    spec: Spec
    find: Callable[[], Doomed]

    @cached_property
    def doomed(self) -> Doomed:
        return self.find()

    def deleting(self, lock_timeout_s: float = 0.0) -> Iterator[Deleted]:
        """Deletes what there is by now, and tells what is gone. No apply of the spec is at work meanwhile."""
        places = Places.of(self.spec)
        with locked(self.account, places, "destroying", wait_s=lock_timeout_s) as held:
            doomed = self.find()
            yield from destroy(self.account, doomed, held.check)
            note_or_forget(self.account, self.spec, doomed)
        forget_lock(self.account, places)
