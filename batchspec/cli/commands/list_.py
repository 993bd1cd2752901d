"""`batchspec list`: what of batchspec is in the account, and what keeps costing money."""

from __future__ import annotations

import click

from batchspec.cli.door import put, put_object
from batchspec.cli.options import examples, format_option, open_account, prices_option, target_option


@click.command("list", epilog=examples("batchspec list", "batchspec list --idle --target azure"))
@click.option("--idle", is_flag=True, help="Only pools with nodes of which none runs a task.")
@target_option
@prices_option
@format_option
def list_(idle: bool, target: str | None, prices: str | None, form: str) -> None:
    """List the pools and jobs of all specs in the account, with the nodes that cost money. Reads only.

    What batchspec did not create is not listed.
    """
    from batchspec.engine.holdings import read_holdings
    from batchspec.render.runs.holdings import holdings_json, holdings_text

    account = open_account(target, prices)
    holdings = tuple(read_holdings(account, idle=idle))
    if form == "json":
        put_object(holdings_json(holdings, account.name))
    else:
        put(holdings_text(holdings, account.offer.costs, idle=idle))
