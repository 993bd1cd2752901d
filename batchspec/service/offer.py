"""What an account offers, and at what pace: the local one answers at once, takes more than Azure, and costs nothing."""

from __future__ import annotations

from typing import NamedTuple


class Pace(NamedTuple):
    """Seconds between two looks: at tasks (they get longer while nothing happens), for trouble, for a person.

    `resize_s` is how long after a resize that gave no node another one is asked for. `lag_s` is how far a listing of
    tasks may be behind the clock that stamps them.
    """

    shortest_s: float
    longest_s: float
    trouble_s: float
    status_s: float
    resize_s: float
    lag_s: float


class Offer(NamedTuple):
    """What is so of an account, whatever it holds. `target` is the word by which it is chosen.

    `blob_calls` are the calls side by side that its blobs take at most. Azurite answers one after the other, and
    under many it takes no new connection for so long that the lease of the lock, which needs one, runs out.
    """

    target: str
    title: str
    pace: Pace
    blob_calls: int
    takes_any_image: bool  # also one that it does not list
    takes_any_identity: bool
    stores_packages: bool  # by its endpoint; Azure's takes application packages by the management plane alone
    simulates: bool  # its nodes are processes, and some fields have no effect there
    costs: str  # what nodes that are left there cost


LOCAL = Offer(
    target="local",
    title="local account",
    pace=Pace(0.2, 1.0, trouble_s=1.0, status_s=1.0, resize_s=0.2, lag_s=0.0),
    blob_calls=16,
    takes_any_image=True,
    takes_any_identity=True,
    stores_packages=True,
    simulates=True,
    costs="are free here",
)
AZURE = Offer(
    target="azure",
    title="Azure Batch account",
    pace=Pace(2.0, 30.0, trouble_s=10.0, status_s=5.0, resize_s=60.0, lag_s=5.0),
    blob_calls=64,
    takes_any_image=False,
    takes_any_identity=False,
    stores_packages=False,
    simulates=False,
    costs="cost money",
)
