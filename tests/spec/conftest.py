import pytest

from batchspec.document import parser

from .front_end import LOADERS


@pytest.fixture(params=LOADERS, ids=lambda loader: loader.__name__)
def loader(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each test that takes it runs with libyaml and without."""
    monkeypatch.setattr(parser, "_Loader", request.param)
