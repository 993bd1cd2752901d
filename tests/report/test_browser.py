"""The page in a real browser: it is drawn, in light and dark, and what names hold is text."""

from __future__ import annotations

import re
import shutil
import subprocess
import zlib
from pathlib import Path

import pytest

from batchspec.render.report.page import report_html

from .reports import HOSTILE, report_of

CHROMIUM = shutil.which("chromium")
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="needs Debian's chromium")

LIGHT, DARK = "--blink-settings=preferredColorScheme=1", "--blink-settings=preferredColorScheme=0"


def browse(page: Path, *options: str) -> str:
    """What the browser says of *page*, which it opens without a network."""
    fixed = (
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--hide-scrollbars",
        "--host-resolver-rules=MAP * ~NOTFOUND",
    )
    profile = f"--user-data-dir={page.parent / 'profile'}"
    command = [str(CHROMIUM), *fixed, profile, *options, page.as_uri()]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=True).stdout


def test_names_stay_text_in_a_browser(tmp_path: Path) -> None:
    """Nothing was run, and no element made, of a name that would have liked it."""
    page = tmp_path / "report.html"
    page.write_text(report_html(report_of(10, 3, file=HOSTILE)), "utf-8")
    seen = browse(page, "--dump-dom")
    assert "<title>video: batchspec report</title>" in seen
    assert not re.search(r"<script|<img", seen)
    assert seen.count("<rect") > 10


def test_ten_thousand_tasks_in_light_and_dark(tmp_path: Path) -> None:
    """Both are drawn, on white and on a dark ground."""
    page, picture = tmp_path / "report.html", tmp_path / "report.png"
    page.write_text(report_html(report_of(10_000, 250)), "utf-8")
    for scheme, ground in ((LIGHT, b"\xff\xff\xff"), (DARK, b"\x0d\x11\x17")):
        browse(page, scheme, "--window-size=1250,1500", f"--screenshot={picture}")
        content = picture.read_bytes()
        assert len(content) > 50_000  # an empty page has less than a tenth of it
        assert first_pixel(content) == ground


def first_pixel(png: bytes) -> bytes:
    """Its colour: no filter of PNG changes the first one."""
    at, data = 8, b""
    while at < len(png):
        length = int.from_bytes(png[at : at + 4])
        if png[at + 4 : at + 8] == b"IDAT":
            data += png[at + 8 : at + 8 + length]
        at += length + 12
    return zlib.decompress(data)[1:4]
