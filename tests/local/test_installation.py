"""The folder of an installation: who may read it, what is kept in it, who holds it."""

import os
import stat
from dataclasses import asdict
from pathlib import Path

import pytest

from batchspec.emulator.host.installation import Home, LocalAccountError, free_port, make_config, port_is_free


@pytest.fixture
def own(tmp_path: Path) -> Home:
    home = Home(tmp_path / "deep" / "local")
    home.prepare()
    return home


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_s28_the_folder_is_closed_to_others(own: Home) -> None:
    """A new home has mode 0700, and one that stood open is closed."""
    assert mode(own.path) == 0o700
    own.path.chmod(0o755)
    own.prepare()
    assert mode(own.path) == 0o700


def test_s25_s28_files_are_closed_to_others(own: Home) -> None:
    """The file with the keys is 0600, whatever the umask."""
    before = os.umask(0)
    try:
        own.write("config.json", make_config())
        own.touch()
        own.folder("batch")
    finally:
        os.umask(before)
    assert mode(own.path / "config.json") == 0o600
    assert mode(own.path / "used") == 0o600
    assert mode(own.path / "batch") == 0o700


def test_s28_a_folder_of_another_user_is_refused(own: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    """A home that somebody else owns is not used, and the error says whose it is and what to do."""
    monkeypatch.setattr(os, "geteuid", lambda: own.path.stat().st_uid + 1)
    with pytest.raises(LocalAccountError) as refused:
        own.prepare()
    assert str(refused.value) == f"{own.path} belongs to another user (uid {own.path.stat().st_uid})"
    assert refused.value.help == "set BATCHSPEC_LOCAL_HOME to a folder of your own"


def test_a_home_that_cannot_be_a_folder_is_refused(tmp_path: Path) -> None:
    """A file in the place of the home gives an error with the path, not a traceback."""
    (tmp_path / "file").write_text("")
    with pytest.raises(LocalAccountError, match=r"file/local cannot be used: Not a directory$"):
        Home(tmp_path / "file" / "local").prepare()


def test_s25_keys_are_random_and_not_shown() -> None:
    """Two installations share no key, and a config that is printed shows none."""
    one, other = make_config(), make_config()
    keys = {one.batch_key, one.storage_key, other.batch_key, other.storage_key}
    assert len(keys) == 4
    assert not any(key in repr(one) + repr(other) for key in keys)


def test_what_is_written_is_read_back(own: Home) -> None:
    """The config survives as it was chosen; before the first start there is none."""
    assert own.config() is None
    config = make_config()
    own.write("config.json", config)
    assert own.config() == config


def test_a_damaged_config_is_an_error_that_names_the_file(own: Home) -> None:
    """Keys are never replaced behind the person's back, since blobs and URLs depend on them."""
    own.write("config.json", asdict(make_config()) | {"surprise": 1})
    with pytest.raises(LocalAccountError) as refused:
        own.config()
    assert str(refused.value) == f"{own.path / 'config.json'} is not as batchspec writes it"


@pytest.mark.parametrize("text", ["", "{", "[]", '{"pid": 1}'])
def test_a_run_file_that_says_nothing_means_not_running(own: Home, text: str) -> None:
    """What an older or interrupted process left in run.json is no life."""
    (own.path / "run.json").write_text(text)
    assert own.run() is None


def test_one_holder_at_a_time(own: Home) -> None:
    """While one holds the lock another does not get it; afterwards it does."""
    with own.locked("lock") as first, own.locked("lock") as second:
        assert (first, second) == (True, False)
    with own.locked("lock") as again:
        assert again


def test_ports_are_different_and_free() -> None:
    """The two ports of a new installation are two, and nobody listens on them."""
    config = make_config()
    assert config.batch_port != config.storage_port
    assert port_is_free(config.batch_port)
    assert free_port(besides=config.batch_port) != config.batch_port


def test_clearing_takes_what_is_ours_and_nothing_else(own: Home) -> None:
    """After clear() a foreign file is still there, and a folder that a task closed is gone."""
    own.write("config.json", make_config())
    closed = own.folder("batch") / "nodes" / "closed"
    (closed / "inner").mkdir(parents=True)
    closed.chmod(0o500)
    (own.path / "notes.txt").write_text("mine")
    own.clear()
    assert sorted(path.name for path in own.path.iterdir()) == ["notes.txt"]
