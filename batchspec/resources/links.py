"""How long the links last by which tasks reach their blobs."""

from datetime import timedelta

LINK_LIFE = timedelta(days=7)
"""How long a link lasts: as long as a user delegation key may (FACTS 7)."""

LINKS_LAST = LINK_LIFE - timedelta(hours=2)
"""How long after a task was added its links last at the least.

They begin a quarter of an hour in the past, the key that signs them may be an hour old, and the link to the
outputs half an hour.
"""

LINK_MARGIN = timedelta(days=1)
"""A task that waits and whose links last no longer than this gets new ones."""
