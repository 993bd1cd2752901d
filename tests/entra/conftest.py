"""Endpoints behind TLS for the whole run, and a workload for each test."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from entra import endpoints as tls_endpoints
from entra.endpoints import Endpoints
from entra.issuer import Identity, identity
from entra.workload import Workload, copy_main_job


@pytest.fixture(scope="session")
def endpoints(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Endpoints]:
    """A Batch endpoint and a Blob endpoint that let in bearer tokens over TLS.

    The nodes are in this process, and trust what its environment tells them to.
    """
    with (
        tls_endpoints.running(tmp_path_factory.mktemp("entra")) as found,
        pytest.MonkeyPatch.context() as patch,
    ):
        for name, value in found.trust.items():
            patch.setenv(name, value)
        yield found


@pytest.fixture
def workload(tmp_path: Path) -> Workload:
    return copy_main_job(tmp_path)


@pytest.fixture
def signed_in(endpoints: Endpoints) -> Iterator[Identity]:
    """A managed identity whose tokens are good; a test may change what it issues."""
    with identity(endpoints.issuer.token) as found:
        yield found
