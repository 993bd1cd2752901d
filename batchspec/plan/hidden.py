"""What a plan does not say though the spec does: values that look like secrets, which `validate` warns about."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from batchspec.codes import Code
from batchspec.language.model import Spec
from batchspec.language.schema.secrets import may_be_secret
from batchspec.source import value_at

_SHORTEST = 6  # what is shorter stands in too many texts that are none


def suspects_of(spec: Spec) -> tuple[str, ...]:
    """The values of *spec* that look like secrets, those of `--set` among them; the longest first."""
    found = {
        str(value_at(spec.document.data, finding.path))
        for finding in spec.warnings
        if finding.code == Code.LIKELY_SECRET.value
    }
    found |= {
        value for name, value in spec.params.items() if isinstance(value, str) and may_be_secret(name, value)
    }
    return tuple(sorted((text for text in found if len(text) >= _SHORTEST), key=len, reverse=True))


def hidden(value: Any, suspects: Sequence[str]) -> Any:
    """*value* with every one of *suspects* in its texts hidden."""
    if not suspects:
        return value
    if isinstance(value, str):
        for text in suspects:
            value = value.replace(text, f"({len(text)} characters hidden)")
        return value
    if isinstance(value, Mapping):
        return {name: hidden(member, suspects) for name, member in value.items()}
    return [hidden(member, suspects) for member in value] if isinstance(value, list) else value
