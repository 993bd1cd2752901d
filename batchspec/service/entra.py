"""Tokens of Entra, for an environment without keys: whatever way to sign in `DefaultAzureCredential` finds.

That nobody is signed in is an error of ours as soon as it is known: as one of azure-core's,
Storage's client would take it for a lost connection and try again for minutes (seen with
azure-storage-blob 12.31: six times, 15 to 90 s apart).
"""

from __future__ import annotations

import logging
import os
from typing import Any

from azure.core.credentials import AccessToken
from azure.core.exceptions import ClientAuthenticationError

from batchspec.errors import NotSignedInError
from batchspec.secrecy import keep_secret

_SIGN_IN = (
    "sign in with `az login`; or set the variables of a service principal (AZURE_TENANT_ID, AZURE_CLIENT_ID, "
    "AZURE_CLIENT_SECRET); or set the keys (AZURE_BATCH_ACCESS_KEY, AZURE_STORAGE_KEY)"
)

_SECRETS = ("AZURE_CLIENT_SECRET", "AZURE_CLIENT_CERTIFICATE_PASSWORD", "AZURE_PASSWORD", "IDENTITY_HEADER")


class Entra:
    """A token credential, as the SDKs take one. Safe to share between threads."""

    def __init__(self) -> None:
        from azure.identity import DefaultAzureCredential  # slow to import, and needed for Entra only

        # Its reports would go to stderr by themselves; what they say is in the error.
        logging.getLogger("azure.identity").addHandler(logging.NullHandler())
        for name in _SECRETS:
            keep_secret(os.environ.get(name))
        self._credential = DefaultAzureCredential()

    def get_token(self, *scopes: str, **options: Any) -> AccessToken:
        """A token for *scopes*. Raises `NotSignedInError`, which says what was tried."""
        try:
            token = self._credential.get_token(*scopes, **options)
        except ClientAuthenticationError as error:
            tried = "\n".join(f"  {line}" for line in _attempts(error))
            raise NotSignedInError(f"not signed in to Azure\n{tried}", help=_SIGN_IN) from error
        keep_secret(token.token)
        return token


def _attempts(error: ClientAuthenticationError) -> list[str]:
    """A line for each way to sign in that was tried, and why it did not work."""
    lines = str(error.message).splitlines()
    return [line.strip() for line in lines if line.startswith("\t")] or lines[:1]
