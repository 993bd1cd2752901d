"""A shell on a node: over SSH as a user who is there for that long, on the local account in the node's folder."""

from __future__ import annotations

import os
import secrets
import subprocess
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

from batchspec.engine.health.nodes import node_meant, nodes_of
from batchspec.errors import RunError, ServiceError
from batchspec.language.model import Spec
from batchspec.service import embedded
from batchspec.service.batch import node as node_service
from batchspec.service.batch.node import Login
from batchspec.service.connect import Account

Tell = Callable[[str], None]

_EXPIRES = timedelta(hours=12)  # for a client that is killed, and removes nothing
_NOT_FOUND = 404


def open_shell(account: Account, spec: Spec, named: str, command: Sequence[str], tell: Tell) -> int:
    """The exit code of a shell on the node *named*, or of *command* there."""
    pool_id = spec.pool.id if spec.pool else ""
    node_id = str(node_meant(nodes_of(account, spec), named)["id"])
    if account.offer.simulates:
        return _local(embedded.node_folder(pool_id, node_id), command, tell)
    return remote(account, pool_id, node_id, command, tell)


def _local(folder: Path, command: Sequence[str], tell: Tell) -> int:
    """The node is a folder, and its tasks run as this user: so does the shell."""
    tell(f"the node's folder: {folder}")
    shell = os.environ.get("SHELL") or "/bin/sh"
    return _run(list(command) or [shell], folder, {"AZ_BATCH_NODE_ROOT_DIR": str(folder)})


def remote(account: Account, pool_id: str, node_id: str, command: Sequence[str], tell: Tell) -> int:
    """The same over SSH. The user and the key are gone afterwards, however it ends."""
    login = node_service.login(account.batch, pool_id, node_id)
    with TemporaryDirectory(prefix="batchspec-ssh-") as folder:
        key = _make_key(Path(folder))
        public = key.with_suffix(".pub").read_text("ascii").strip()
        with _user(account, pool_id, node_id, public, tell) as name:
            return _run(_ssh(login, name, key, command))


def _make_key(folder: Path) -> Path:
    """A private key in *folder*, which is closed to others; its public half lies beside it."""
    key = folder / "key"
    # RSA is what Batch documents; its comment would say who and where the user is.
    words = ["ssh-keygen", "-q", "-t", "rsa", "-b", "2048", "-N", "", "-C", "batchspec", "-f", str(key)]
    if _run(words) != 0:
        raise RunError("ssh-keygen made no key")
    return key


@contextmanager
def _user(account: Account, pool_id: str, node_id: str, public: str, tell: Tell) -> Iterator[str]:
    """An administrator of the node, removed in the end."""
    name = f"batchspec{secrets.token_hex(4)}"
    expires = datetime.now(UTC).replace(microsecond=0) + _EXPIRES
    try:
        node_service.add_user(account.batch, pool_id, node_id, name, public, expires)
        tell(f"added the user {name} to {node_id}; it is removed when the shell ends")
        yield name
    finally:
        try:
            node_service.delete_user(account.batch, pool_id, node_id, name)
        except ServiceError as error:
            if error.status != _NOT_FOUND:
                tell(f"the user {name} could not be removed and expires at {expires:%H:%M} UTC: {error}")


def _ssh(login: Login, name: str, key: Path, command: Sequence[str]) -> list[str]:
    """The call of ssh. A node's key is new to everybody, so it is taken as it is and not remembered."""
    options = {
        "IdentitiesOnly": "yes",
        "StrictHostKeyChecking": "accept-new",
        "UserKnownHostsFile": str(key.with_name("known_hosts")),
        "GlobalKnownHostsFile": os.devnull,
        "LogLevel": "ERROR",
        "ConnectTimeout": "30",
    }
    words = ["ssh", "-i", str(key), "-p", str(login.port)]
    words += [word for option, value in options.items() for word in ("-o", f"{option}={value}")]
    return [*words, f"{name}@{login.address}", *(["--", *command] if command else [])]


def _run(words: Sequence[str], folder: Path | None = None, variables: Mapping[str, str] | None = None) -> int:
    """The exit code of a program that has the terminal; as a shell tells it, where a signal ended it."""
    try:
        code = subprocess.run(
            list(words), cwd=folder, env={**os.environ, **(variables or {})}, check=False
        ).returncode
    except FileNotFoundError as error:
        raise RunError(
            f"cannot run {words[0]}: {error.strerror}", help="ssh and ssh-keygen come with OpenSSH's client"
        ) from None
    return code if code >= 0 else 128 - code
