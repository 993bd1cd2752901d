"""What a task does with folders on its node, by the shells and tars that nodes and container images have."""

from __future__ import annotations

import hashlib
import io
import os
import shutil
import subprocess
import tarfile
from pathlib import Path

import pytest

from batchspec.desired.bodies.wrapper import OUTPUT_MISSING
from batchspec.desired.packing import NEEDS_TAR, UNPACK, pack
from batchspec.engine.look.machine.packs import PackStream, entries_of, pack_of
from batchspec.engine.look.machine.project import ANYWHERE
from batchspec.engine.look.remembered.digests import Digests
from batchspec.engine.run.downloads.unpack import unpack
from packs.odd import ODD, make_odd, tree

BUSYBOX = shutil.which("busybox")
SHELLS = {
    "dash": (["dash"], False),
    "bash": (["bash", "--posix"], False),
    "Alpine": ([BUSYBOX, "sh"], True),
    "dash, busybox": (["dash"], True),
}


class Node:
    """A task's working directory, and what runs a script in it."""

    def __init__(self, folder: Path, shell: list[str], tools: str) -> None:
        self.folder = folder
        self.out = folder / "out" / "frames"
        self.out.mkdir(parents=True)
        self.said = ""
        self._shell = shell
        self._environment = {"PATH": tools, "CDPATH": "/tmp:/"}

    def run(self, script: str, *words: str) -> int:
        """The exit code of *script*, which a line carries between single quotes."""
        assert not {"'", "\\", "\n"} & {*script}
        done = subprocess.run(
            [*self._shell, "-c", script, "batchspec", *words],
            cwd=self.folder,
            env=self._environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.stdout == ""
        self.said = done.stderr
        return done.returncode

    def pack(self, *words: str, listed: bool = False) -> None:
        assert self.run(pack(OUTPUT_MISSING, listed=listed), *(words or ("out/frames/",))) == 0, self.said
        assert self.said == ""

    def refuse(self, *, listed: bool = False) -> str:
        assert self.run(pack(OUTPUT_MISSING, listed=listed), "out/frames/") == 66
        assert self.said.count("batchspec: ") == 1
        return self.said.removeprefix("batchspec: ").rstrip("\n")

    @property
    def names(self) -> list[str]:
        with tarfile.open(self.folder / "out" / "frames.tar", errors="surrogateescape") as packed:
            return [member.name.removeprefix("./") for member in packed]


@pytest.fixture(params=SHELLS)
def node(tmp_path: Path, request: pytest.FixtureRequest) -> Node:
    shell, with_busybox = SHELLS[request.param]
    tools = tmp_path / "tools"
    tools.mkdir()
    for name in ("tar", "find", "sort", "md5sum", "wc", "readlink", "rm", "mkdir", "chmod"):
        (tools / name).symlink_to(BUSYBOX if with_busybox else shutil.which(name))
    return Node(tmp_path / "wd", [shutil.which(shell[0]), *shell[1:]], str(tools))


@pytest.fixture(autouse=True)
def _cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


def test_a_folder_output_comes_home_and_goes_to_the_next_task(node: Node, tmp_path: Path) -> None:
    """Packed on a node, it is the same folder on this machine and on the next node, whatever its files are called."""
    make_odd(node.out)
    node.pack()
    with (node.folder / "out" / "frames.tar").open("rb") as stream:
        unpack(stream, tmp_path / "home")
    assert tree(tmp_path / "home") == tree(node.out)
    (node.folder / "in").mkdir()
    (node.folder / "out" / "frames.tar").rename(node.folder / "in" / "frames.tar")
    assert node.run(UNPACK, "out/frames/", "-", "in/frames/") == 0
    assert tree(node.folder / "in") == {"frames": None} | {
        f"frames/{name}": found for name, found in tree(node.out).items()
    }


def test_a_local_folder_comes_to_a_node(node: Node, tmp_path: Path) -> None:
    """A pack of ours is unpacked where the task looks for it, once."""
    scene = make_odd(tmp_path / "scene")
    with Digests(tmp_path / "no" / "cache") as digests:
        content = pack_of(entries_of(scene, ANYWHERE.reads), digests).content
    stream = PackStream("scene/", entries_of(scene, ANYWHERE.reads), content)
    place = node.folder / "files" / "scene.tar"
    place.parent.mkdir()
    place.write_bytes(stream.read(100_000_000))
    for _ in range(2):  # a retry finds what the first try has unpacked
        assert node.run(UNPACK, "files/scene/") == 0
        assert tree(node.folder / "files" / "scene") == tree(scene)
        assert not place.exists()


def test_a_retry_unpacks_what_was_fetched_again(node: Node) -> None:
    """A folder that a try left half, or changed, is made anew from its pack."""
    make_odd(node.out)
    node.pack()
    place = node.folder / "in" / "frames"
    (place / "left over").mkdir(parents=True)
    shutil.copy(node.folder / "out" / "frames.tar", f"{place}.tar")
    assert node.run(UNPACK, "in/frames/") == 0
    assert tree(place) == tree(node.out)


def test_a_folder_that_is_read_only(node: Node) -> None:
    """It is packed and unpacked, also by a user without rights, and made anew by a retry."""
    (node.out / "fixed").mkdir()
    (node.out / "fixed" / "a").write_text("a")
    (node.out / "fixed" / "a").chmod(0o444)
    (node.out / "fixed").chmod(0o555)
    node.pack()
    (node.folder / "in").mkdir()
    for _ in range(2):
        shutil.copy(node.folder / "out" / "frames.tar", node.folder / "in" / "frames.tar")
        assert node.run(UNPACK, "in/frames/") == 0, node.said
        assert (node.folder / "in" / "frames" / "fixed" / "a").read_text() == "a"


def test_packs_are_unpacked_where_they_lie(node: Node) -> None:
    """Several become one folder, with the files that are there already."""
    (node.folder / "in" / "sub").mkdir(parents=True)
    (node.folder / "in" / "sub" / "here").write_text("here")
    for name in ("1", "2"):
        shutil.rmtree(node.out)
        (node.out / "sub").mkdir(parents=True)
        (node.out / "sub" / name).write_text(name)
        node.pack()
        shutil.move(node.folder / "out" / "frames.tar", node.folder / "in" / f"{name}.tar")
    for _ in range(2):
        assert node.run(UNPACK, "-", "in/1.tar", "in/2.tar") == 0, node.said
        assert {*tree(node.folder / "in")} == {"sub", "sub/1", "sub/2", "sub/here"}


@pytest.mark.parametrize("cut", [0, 700])
def test_a_damaged_pack_ends_the_task(node: Node, cut: int) -> None:
    """The command never sees half a folder; the pack stays for the next try."""
    (node.out / "a").write_bytes(bytes(5000))
    node.pack()
    (node.folder / "in").mkdir()
    data = (node.folder / "out" / "frames.tar").read_bytes()
    (node.folder / "in" / "frames.tar").write_bytes(b"no tar" + data[6:cut] if cut else b"no tar")
    assert node.run(UNPACK, "in/frames/") == 1
    assert node.said.endswith("batchspec: in/frames.tar could not be unpacked\n")
    assert (node.folder / "in" / "frames.tar").exists()


def test_without_tar(node: Node, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    """It is told before the command runs, for what goes in and what comes out."""
    if "Alpine" in request.node.name:
        pytest.skip("this busybox has a tar in its shell")
    (tmp_path / "tools" / "tar").unlink()
    assert node.run(NEEDS_TAR) == 1
    assert node.said == "batchspec: folders need tar, and there is none here\n"


def test_empty_folders_are_outputs(node: Node, tmp_path: Path) -> None:
    """A folder without files is packed, one that is not there is not; files are nobody's business here."""
    (node.folder / "out" / "log.txt").write_text("log")
    node.pack("out/log.txt", "out/frames/", "-", "out/maybe/", "in/frames/", "out/", listed=True)
    assert {path.name for path in (node.folder / "out").iterdir()} == {
        "frames",
        "frames.tar",
        "frames.list",
        "log.txt",
    }
    with (node.folder / "out" / "frames.tar").open("rb") as stream:
        unpack(stream, tmp_path / "home")
    assert tree(tmp_path / "home") == {}
    assert (node.folder / "out" / "frames.list").read_text() == ""


def test_links_within_the_folder_are_followed(node: Node, tmp_path: Path) -> None:
    """A link to a file or a folder is packed as what it leads to."""
    (node.out / "run_3" / "deep").mkdir(parents=True)
    (node.out / "run_3" / "deep" / "model.bin").write_text("weights")
    (node.out / "latest").symlink_to("run_3")
    (node.out / "run_3" / "best.bin").symlink_to(node.out / "run_3" / "deep" / "model.bin")
    node.pack(listed=True)
    with (node.folder / "out" / "frames.tar").open("rb") as stream:
        unpack(stream, tmp_path / "home")
    files = {path: data for path, data in tree(tmp_path / "home").items() if data}
    names = [f"{folder}/{name}" for folder in ("latest", "run_3") for name in ("best.bin", "deep/model.bin")]
    assert files == dict.fromkeys(names, (b"weights", False))
    assert listed(node) == names


REFUSED = {
    "/etc/passwd": "is a link that leads out of out/frames/",
    "{wd}/secret": "is a link that leads out of out/frames/",
    "{wd}/out/frames2": "is a link that leads out of out/frames/",
    "{wd}/out": "is a link that leads out of out/frames/",
    "{wd}/out/frames": "is a link to a folder that it lies in",
    "{wd}/out/frames/gone": "is a link that leads nowhere",
}


@pytest.mark.parametrize("name", ["odd", "-f", "two\nlines", "sub/.hidden", "sub/...", ".f"])
def test_what_is_refused(node: Node, name: str) -> None:
    """Links that leave the folder, lead nowhere or back, and what is no file; the task fails."""
    odd = node.out / name
    odd.parent.mkdir(exist_ok=True)
    (node.folder / "secret").write_text("secret")
    (node.folder / "out" / "frames2").mkdir()
    for target, why in REFUSED.items():
        odd.symlink_to(target.format(wd=node.folder))
        assert node.refuse() == f"out/frames/{name} {why}"
        odd.unlink()
    os.mkfifo(odd)
    assert node.refuse() == f"out/frames/{name} is neither a file nor a folder"
    assert not (node.folder / "out" / "frames.tar").exists()


def test_a_circle_of_links(node: Node) -> None:
    """Folders that lead to each other end the task, and do not keep it for ever."""
    for here, there in (("a", "b"), ("b", "a")):
        (node.out / here).mkdir()
        (node.out / here / "on").symlink_to(f"../{there}")
    assert node.run(pack(66, listed=False), "out/frames/") == 66
    (node.out / "b" / "on").unlink()
    (node.out / "b" / "up").symlink_to("..")
    assert node.run(pack(66, listed=False), "out/frames/") == 66


def test_a_file_that_cannot_be_read(node: Node) -> None:
    """What tar fails at is a missing output, with tar's own sentence."""
    (node.folder / "out" / "frames.tar").mkdir()
    assert node.run(pack(66, listed=False), "out/frames/") == 66
    assert node.said.endswith("batchspec: out/frames/ could not be packed\n")


def test_the_list_of_files(node: Node) -> None:
    """It has the files that can be stored under their names, in the order of text."""
    make_odd(node.out)
    (node.out / "two\nlines").unlink()
    (node.out / "sub" / ".git").mkdir()
    (node.out / "sub" / ".git" / "config").touch()
    node.pack(listed=True)
    hidden = {".hidden", "..two", "two\nlines"}
    assert listed(node) == sorted({*ODD, "run.sh"} - hidden, key=os.fsencode)


def test_a_list_tells_what_is_in_the_files(node: Node) -> None:
    """By its MD5: other bytes under the same name are another line."""
    (node.out / "a b").write_text("1")
    node.pack(listed=True)
    before = (node.folder / "out" / "frames.list").read_text()
    (node.out / "a b").write_text("2")
    node.pack(listed=True)
    after = (node.folder / "out" / "frames.list").read_text()
    assert before != after
    assert before == f"{hashlib.md5(b'1').hexdigest()}  ./a b\n"


def listed(node: Node) -> list[str]:
    """The names in the list, as Python has them."""
    text = (node.folder / "out" / "frames.list").read_bytes().decode("utf-8", "surrogateescape")
    return [_name(line) for line in text.splitlines()]


def _name(line: str) -> str:
    name = line.partition("  ./")[2]
    return name.replace("\\\\", "\\") if line.startswith("\\") else name


def test_a_name_that_a_list_cannot_hold(node: Node) -> None:
    """A line break in a name would make two files of one."""
    (node.out / "two\nlines").touch()
    assert node.refuse(listed=True) == "out/frames/ has a file whose name has a line break"


def test_equal_folders_are_equal_packs(node: Node, request: pytest.FixtureRequest) -> None:
    """Where tar can: owner, times and the order on the disk do not count."""
    if SHELLS[request.node.callspec.params["node"]][1]:
        pytest.skip("busybox's tar cannot sort, nor leave times out")
    other = node.folder / "out" / "other"
    shutil.copytree(make_odd(node.out), other)
    for number, path in enumerate(sorted(other.rglob("*"), reverse=True)):
        os.utime(path, (number, number))
    node.pack("out/frames/", "out/other/")
    first, second = (node.folder / "out" / f"{name}.tar" for name in ("frames", "other"))
    assert first.read_bytes() == second.read_bytes()
    with tarfile.open(fileobj=io.BytesIO(first.read_bytes()), errors="surrogateescape") as packed:
        names = [member.name for member in packed]
    assert names == sorted(names, key=lambda name: name.split("/"))
