"""`batchspec import`: a spec for a pool or job that was made elsewhere."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import TYPE_CHECKING

import click

from batchspec.cli.door import put_file, require_yes, say
from batchspec.cli.options import approve_option, examples, open_account, target_option
from batchspec.errors import UsageError

if TYPE_CHECKING:
    from batchspec.engine.importing import Found, Imported
    from batchspec.service.connect import Account

_NAME = r"[A-Za-z0-9][A-Za-z0-9_-]{0,39}"


@click.command(
    "import",
    epilog=examples(
        "batchspec import pool encode > encode.yaml",
        "batchspec import pool encode job nightly --name nightly > nightly.yaml",
        "batchspec import pool encode --adopt",
        "batchspec import shipyard config/ > nightly.yaml",
    ),
)
@click.argument(
    "what", metavar="pool ID | job ID | pool ID job ID | shipyard FOLDER [job ID]", nargs=-1, required=True
)
@click.option("--name", metavar="NAME", help="The spec's name. Default: the id of the pool or job.")
@click.option("--adopt", "adopts", is_flag=True, help="Tag it with that name, so that the spec owns it.")
@target_option
@approve_option
def import_(
    what: tuple[str, ...], name: str | None, adopts: bool, target: str | None, auto_approve: bool
) -> None:
    """Print a spec for an existing pool, job or both, or for a Batch Shipyard configuration.

    Reads only. Resources that batchspec did not create are never modified. --adopt
    (after confirmation) tags them as owned by the spec and changes nothing else; the
    next plan of the printed spec is empty. Tasks of the job become groups, one for
    all whose command lines agree, unless it is adopted: tasks themselves are left alone.
    """
    from batchspec.engine import importing

    ids = _ids(what)
    _require_name(name)
    if "shipyard" in ids:
        _shipyard(ids, name, what, adopts)
        return
    account = open_account(target)
    found = importing.find(account, ids.get("pool"), ids.get("job"), with_tasks=not adopts)
    named = name or importing.name_for(found)
    imported = importing.compose(found, named, shlex.join(["batchspec", "import", *what]))
    put_file(imported.text)
    if adopts:
        _adopt(account, found, imported, named, auto_approve)


def _ids(what: tuple[str, ...]) -> dict[str, str]:
    """The ids by kind. Raises `UsageError` for anything but one pool, one job or one of each."""
    pairs = list(zip(what[::2], what[1::2], strict=False))
    ids = dict(pairs)
    allowed = {"shipyard", "job"} if "shipyard" in ids else {"pool", "job"}
    if len(what) % 2 or len(ids) != len(pairs) or not ids.keys() <= allowed:
        raise UsageError(
            "expected `pool ID`, `job ID`, both, or `shipyard FOLDER`",
            help="for example: batchspec import pool encode job nightly",
        )
    return ids


def _shipyard(ids: dict[str, str], name: str | None, what: tuple[str, ...], adopts: bool) -> None:
    """Prints the spec for a folder of Batch Shipyard's files. No account is asked."""
    from batchspec.shipyard.spec import imported

    if adopts:
        raise UsageError(
            "--adopt cannot be combined with `shipyard`", help="it tags pools and jobs that exist"
        )
    put_file(
        imported(Path(ids["shipyard"]), ids.get("job"), name, shlex.join(["batchspec", "import", *what]))
    )


def _require_name(name: str | None) -> None:
    if name is not None and not re.fullmatch(_NAME, name):
        raise UsageError(
            f"--name {name}: not a spec's name", help="1 to 40 letters, digits, hyphens and underscores"
        )


def _adopt(account: Account, found: Found, imported: Imported, name: str, approved: bool) -> None:
    from batchspec.engine import importing

    missing = importing.foreign(found, name)
    what = " and ".join(f"the {kind} {live['id']}" for kind, live in missing)
    if not missing:
        say(f"the spec {name} already owns it")
        return
    require_yes(
        f'{what}: will belong to the spec {name}, which may then change and delete it. Type "yes" to continue:',
        approved=approved,
        nothing="nothing was adopted",
        help="add --auto-approve to adopt without asking",
    )
    importing.adopt(account, imported, missing)
    say(f"adopted {what}; `batchspec plan` of this spec has no changes")
