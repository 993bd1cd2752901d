"""Application packages of the account. The data plane lists them; only the local account is given any by it."""

from __future__ import annotations

from collections.abc import Mapping

from batchspec.service.batch.client import Batch, path_of


def read(batch: Batch, *, stored: bool) -> Mapping[tuple[str, str], str]:
    """The content (MD5) of each package by its id and version in lower case; empty where the account does not tell.

    *stored*: the account's own endpoint has them.
    """
    if stored:
        listed = batch.get("/_local/applications", doing="list the application packages").body["value"]
        return {_key(found["id"], found["version"]): found["md5"] for found in listed}
    applications = batch.items("/applications", doing="list the applications")
    return {_key(found["id"], version): "" for found in applications for version in found["versions"]}


def _key(id: str, version: str) -> tuple[str, str]:
    return id.lower(), version.lower()


def add(batch: Batch, id: str, version: str, url: str, content: str) -> None:
    """The blob at *url* is this package of the local account."""
    path = f"/_local{path_of('applications', id, version)}"
    batch.post(path, {"url": url, "md5": content}, doing=f"add the application package {id} {version}")
