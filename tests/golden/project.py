"""The specs whose tasks are recorded, and the project around them: files, blobs and settings, which never change.

The files are made and not committed: no archive and no checkout has to carry their names.
"""

from __future__ import annotations

import shutil
from pathlib import Path

HERE = Path(__file__).parent
ROOT = HERE.parents[1]

_NAMES = (
    "beside.txt",
    *(f"plain/{name}.txt" for name in ("a1", "a2", "b1", "c-3_x.v2")),
    *(f"tree/{name}" for name in ("top.txt", "one/same.txt", "two/same.txt", "two/three/deep.txt", "two/other.dat")),
    *(f"hidden/{name}" for name in (".profile", ".two words", ".archive.tar.gz", "visible.txt")),
    *(f"hyphens/{name}" for name in ("---.txt", "a--b.txt", "a---b--c", "-a-.txt", "_", "a -- b.txt", "(x).txt")),
    *(f"folders/{name}/file.txt" for name in ("two words", "größe", "-dash", "it's", "a.b", "a/b c/d")),
    *(f"long/{'abcdefghij' * 4}{name}" for name in ("-1.txt", "-2.txt", "-" + "k" * 80 + ".txt")),
    f"long/{'é' * 50}.txt",
    f"long/{'-'.join('abcdefghijklmnopqrstuvwxyz')}.suffixes-may-be-long-too",
    "../media/clip.txt",
    "../media/more/two words.txt",
)  # fmt: skip
_ODD_NAMES = (
    *("two words.txt", " blanks at both ends ", "größe.txt", "日本語.txt", "🎬.txt", "e\u0301 in two.txt"),
    *("it's.txt", 'say "hi".txt', "-dash.txt", "--two.txt", "$HOME;date.txt", "100%.txt", "a&b.txt", "*.txt"),
    *("plain.tar.gz", "with blank.tar.gz", "sub 01 T1w.nii.gz", "with blank.toolongsuffix", "with blank.t_t"),
    *("no-suffix", "no suffix", "dot at end.", "dots...", "a..b.txt", "UPPER.TXT", "{braces}.txt", "[1].txt"),
    *("{{ params.x }}.txt", "MARKinnameMARK.txt", "a,b=c+d@e:f.txt", "#1.txt", "~", "a^b~1.txt"),
)  # fmt: skip
FILES = (
    {name: f"{name}\n" for name in (*_NAMES, *(f"odd/{name}" for name in _ODD_NAMES))}
    | dict.fromkeys(("same/one.txt", "same/two.txt", "same/two words.txt"), "the same\n")
    | {"same/empty.txt": ""}
)
"""What lies beside the specs: contents by name."""


BLOBS = {
    "footage": {
        "2026/LowPriVMs-1.mp4": True,
        "2026/LowPriVMs-2.mp4": True,
        "2026/LowPriVMs-3.mp4": False,
        "monday/größe 3.mp4": True,
        "monday/night/owl two.mp4": True,
        "monday/night/owl.mp4": False,
        "monday/notes.txt": True,
        "monday/tail.mov": True,
        "monday/take-1.mp4": True,
        "monday/take-2.mp4": False,
        "top.mp4": True,
    }
}
"""The blobs of each container that a spec reads from: whether they have an MD5, by name."""

SETTINGS = {
    "tests/golden/specs/set-of-every-type.yaml": {
        "text": "it's set", "whole": "-2", "number": "0.25", "flag": "true",
    },
    "tests/golden/specs/set-to-the-same.yaml": {"bitrate": "192k", "number": "1.5"},
    "tests/golden/specs/set-number-as-written.yaml": {"version": "3.10"},
}  # fmt: skip
"""`--set`, by spec."""

SPECS = sorted(
    file.relative_to(ROOT).as_posix()
    for folder in (ROOT / "specs", HERE / "specs")
    for file in folder.glob("*.yaml")
)
"""The specs, below the root of the repository."""


def lay_out(folder: Path) -> None:
    """A project in *folder* with all of the specs where they stand in the repository, and their files."""
    (folder / ".git").mkdir()  # it is one project
    shutil.copytree(ROOT / "specs", folder / "specs")
    beside = folder / "tests/golden/specs"
    shutil.copytree(HERE / "specs", beside)
    for name, content in FILES.items():
        file = beside / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(content, encoding="utf-8")
