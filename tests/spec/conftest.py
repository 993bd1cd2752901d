import pytest

from batchspec.document import document

from .front_end import LOADERS


@pytest.fixture(params=LOADERS, ids=lambda loader: loader.__name__)
def loader(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each test that takes it runs with libyaml and without."""
    monkeypatch.setattr(document, "_Loader", request.param)
