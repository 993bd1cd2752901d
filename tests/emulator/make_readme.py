"""The README's table of operations, made of the API data and of what the endpoint answers.

Run as a script to put it into the README; `test_api_data.py` holds the README to it.
"""

from pathlib import Path

from batchspec.emulator.host.app import implemented
from batchspec.emulator.http.validate import API

README = Path(__file__).parents[2] / "batchspec" / "emulator" / "README.md"
_BEGIN, _END = "<!-- operations -->\n", "<!-- /operations -->"


def table() -> str:
    works = implemented()
    lines = ["| operation | request | answer |", "| --- | --- | --- |"]
    for name, operation in sorted(
        API["operations"].items(), key=lambda item: (item[1]["path"], item[1]["method"])
    ):
        answer = str(operation["status"]) if name in works else "501"
        lines.append(f"| {name} | `{operation['method']} {operation['path']}` | {answer} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    text = README.read_text()
    start, end = text.index(_BEGIN) + len(_BEGIN), text.index(_END)
    README.write_text(text[:start] + table() + text[end:])
