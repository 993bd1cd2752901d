"""`batchspec explain`: what a finding, a stuck run or a field means."""

from __future__ import annotations

import click

from batchspec.cli.door import put
from batchspec.cli.options import examples
from batchspec.errors import UsageError


@click.command(
    epilog=examples(
        "batchspec explain BS0404",
        "batchspec explain pool.taskSlotsPerNode",
        "batchspec explain tasks.NAME.output",
        "batchspec explain quota",
    )
)
@click.argument("word", metavar="[CODE|FIELD|REASON]", required=False)
def explain(word: str | None) -> None:
    """Explain a finding, a field of a spec, or the reason of a stuck run.

    Without an argument, list everything that can be explained.
    """
    from batchspec.render.findings import explanation

    text = explanation.everything() if word is None else explanation.explanation(word)
    if text is None:
        near = explanation.near(word or "")
        raise UsageError(
            f"no code, reason or field is called {word!r}",
            help=f"did you mean {' or '.join(near)}?" if near else "`batchspec explain` lists all of them",
        )
    put(text)
