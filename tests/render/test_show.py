"""Foreign text can be looked at safely (S-20)."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from batchspec.render.show import columns, show


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain text, äöü, 日本語, 🎬", "plain text, äöü, 日本語, 🎬"),
        ("\x1b[31mred\x1b[0m\x07", "␛[31mred␛[0m␇"),
        ("a\r\nb\tc\x00\x7f", "a␍␊b␉c␀␡"),
        ("\x9b31m", "\\x9b31m"),
        ("gpj.\u202eexe\u2066\u200b\ufeff\u2028", "gpj.\\u202eexe\\u2066\\u200b\\ufeff\\u2028"),
        ("a\xa0b", "a\\xa0b"),
        ("\udc80\U000e0041", "\\udc80\\U000e0041"),
        ("clip [/bold] [link=x].mp4", "clip [/bold] [link=x].mp4"),
        ("::error::x, a::b", "∶:error::x, a::b"),
        (" \t::stop-commands::x", " ␉::stop-commands::x"),
        ("  ::x", "  ∶:x"),
        ("a ##[group] ##vso[task.x] #[a] ##a", "a ⌗#[group] ⌗#vso[task.x] #[a] ##a"),
    ],
)
def test_s20_what_does_not_print_is_made_visible(text: str, shown: str) -> None:
    """Controls become their pictures or escapes, commands of a CI system lose their start; nothing is markup."""
    assert show(text) == shown


@given(st.text(st.characters(), max_size=50))
def test_s20_what_is_shown_prints(text: str) -> None:
    """No control, format or separator character is left, so no terminal acts on any; and it is one line."""
    shown = show(text)
    assert all(unicodedata.category(character)[0] not in "CZ" or character == " " for character in shown)
    assert show(shown) == shown
    assert len(shown.splitlines()) <= 1


def test_columns_of_wide_and_combining_characters() -> None:
    """East Asian wide characters take two columns, combining marks none."""
    assert [columns(text) for text in ("abc", "日本", "e\u0301", "")] == [3, 4, 1, 0]
