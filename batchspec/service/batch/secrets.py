"""Secrets of a spec, put in at the moment of sending: `{fromEnvironment: NAME}` becomes the variable's value."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from batchspec.errors import UsageError
from batchspec.secrecy import keep_secret


def with_secrets(value: Any) -> Any:
    """*value* with every reference replaced. Raises `UsageError` for a variable that is not set."""
    if isinstance(value, Mapping):
        if set(value) == {"fromEnvironment"}:
            return _variable(str(value["fromEnvironment"]))
        return {name: with_secrets(member) for name, member in value.items()}
    if isinstance(value, list):
        return [with_secrets(member) for member in value]
    return value


def has_secrets(value: Any) -> bool:
    """Whether a reference is anywhere in *value*."""
    if isinstance(value, Mapping):
        return set(value) == {"fromEnvironment"} or any(map(has_secrets, value.values()))
    return isinstance(value, list) and any(map(has_secrets, value))


def _variable(name: str) -> str:
    try:
        value = os.environ[name]
    except KeyError:
        raise UsageError(
            f"the spec takes a secret from the environment variable {name}, which is not set",
            help=f"set {name} and run it again",
        ) from None
    keep_secret(value)
    return value
