"""The endpoint's own API data, its README, and the operations that work, held against each other."""

import json
from pathlib import Path

import azure.batch.models
import pytest

from batchspec.emulator.host.app import implemented
from batchspec.emulator.http.validate import API

from . import make_api, make_readme
from .contract import violations


def test_data_is_what_the_openapi_data_says() -> None:
    """The shipped file is what the generator makes of the OpenAPI data."""
    if not make_api.SOURCE.exists():
        pytest.skip(f"the API reference data is not at {make_api.SOURCE}")
    assert json.loads(make_api.SOURCE.read_text()).keys()
    assert make_api.build(json.loads(make_api.SOURCE.read_text())) == API


def test_data_has_the_models_of_the_sdk() -> None:
    """Every model of the installed SDK that has a type here has the same properties on the wire."""
    compared = 0
    for name, schema in API["types"].items():
        model = getattr(azure.batch.models, name, None)
        if model is None:
            continue
        model({})  # the SDK makes the table of fields with the first one
        fields = {field._rest_name for field in model._attr_to_rest_field.values()}
        assert fields == set(schema["properties"]), name
        compared += 1
    assert compared > 100


def test_readme_tells_what_works() -> None:
    """The table of operations in the README is the one that the code gives."""
    text = (Path(make_api.ROOT) / "batchspec" / "emulator" / "README.md").read_text()
    assert make_readme.table() in text


def test_nothing_that_was_promised_is_missing() -> None:
    """All operations work."""
    assert set(API["operations"]) <= set(implemented())


def test_the_contract_is_really_checked() -> None:
    """A wrong answer is found: unknown member, wrong type, missing member, wrong status."""
    body = {"odata.metadata": "x", "id": 5, "more": True}
    found = violations("GET", "/jobs/job", "api-version=2025-06-01", 201, json.dumps(body).encode())
    assert "get_job: status 201, not 200" in found
    assert "get_job.id: 5 is no string" in found
    assert "get_job: BatchJob has no property more" in found
    assert "get_job: BatchJob has no poolInfo" in found
