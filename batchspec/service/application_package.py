"""Application packages of an Azure account: the management plane names a blob, and takes what is uploaded there.

Source: Application - Create, Application Package - Create and Activate, Microsoft.Batch 2025-06-01.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import IO, cast
from urllib.parse import urlsplit

from batchspec.errors import ServiceError
from batchspec.secrecy import keep_secret
from batchspec.service.batch.client import path_of
from batchspec.service.blob.checked_file import checked
from batchspec.service.http.errors import translated
from batchspec.service.http.retry import Patience, PatientRetry
from batchspec.service.http.transport import Connection
from batchspec.service.http.way import is_here
from batchspec.service.management import Management


def add(
    management: Management, id: str, version: str, file: Path, content: str, check: Callable[[], None]
) -> None:
    """The account has *file*, whose MD5 is *content*, as this package. *check* is called before each upload.

    What was cut off before the end is not listed by the account, and is begun anew.
    """
    application, doing = path_of("applications", id), f"add the application package {id} {version}"
    package = f"{application}{path_of('versions', version)}"
    if not management.has(application, doing=doing):  # a PUT would take its settings away
        management.put(application, {}, doing=doing)
    made = management.put(package, {}, doing=doing)
    _upload(str((made.get("properties") or {}).get("storageUrl", "")), file, content, check)
    management.post(f"{package}/activate", {"format": "zip"}, doing=doing)


def _upload(url: str, file: Path, content: str, check: Callable[[], None]) -> None:
    from azure.storage.blob import BlobClient

    if urlsplit(url).scheme != "https" and not is_here(url):
        raise ServiceError(f"the service names no place to upload {file} to")
    connection = Connection()
    connection.guard = check
    keep_secret(urlsplit(url).query)
    blob = BlobClient.from_blob_url(url, transport=connection, retry_policy=PatientRetry(Patience.of()))
    with translated(f"upload {file}"), checked(file, content) as stream, blob:
        blob.upload_blob(
            cast("IO[bytes]", stream), length=stream.length, overwrite=True, validate_content=True
        )
