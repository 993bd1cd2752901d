"""The page of a report and its trace: what stands in them, and that nothing in a name does anything."""

from __future__ import annotations

import csv
import io
import json
import re
from datetime import timedelta
from html.parser import HTMLParser

import pytest

from batchspec.engine.history.figures import Load, Window, groups_of
from batchspec.engine.history.trace import Trace, Traced, read_traced, traced_json
from batchspec.render.report.page import report_html
from batchspec.render.report.trace import COLUMNS, trace_csv, trace_json

from .reports import BEGAN, HOSTILE, report_of, traces


class _Page(HTMLParser):
    """The tags of a page, and its text."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.said: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.said.append(data)

    @property
    def text(self) -> str:
        return re.sub(r"\s+", " ", " ".join(self.said))

    def classes(self, tag: str) -> list[str | None]:
        return [attributes.get("class") for name, attributes in self.tags if name == tag]


def test_ten_tasks_are_shown_one_by_one() -> None:
    """A bar for each on its node, the failed one in its colour; counts, failures, cost, evictions, who and when."""
    page = _Page(report_html(report_of(10, 3)))
    bars = [name for name in page.classes("rect") if name]
    assert bars.count("bad") == 1
    for said in (
        "10 tasks 9 succeeded, 1 failed , 12 were up to date",
        "applied by ann at commit 012345678901 with batchspec 1.0",
        "12.34 USD",
        "3 evictions of Spot nodes, 4 tasks requeued",
        "45.0 MB outputs, from 100.0 MB of inputs",
        "1 task : exit code 1",
        "cannot read clip.mov … 12 more lines … Conversion failed!",
        "encode/0/clip.mov succeeded 2026-11-29 09:01:30",
        "20261129T090000Z-abc123 (this report)",
    ):
        assert said in page.text


def test_very_many_tasks_are_put_together() -> None:
    """The page stays small: how busy nodes were, in at most a hundred rows, and the slowest tasks."""
    text = report_html(report_of(3_000, 250))
    assert len(text) < 250_000
    page = _Page(text)
    assert "each row is 3 nodes" in page.text
    assert "All 3000 tasks are in the trace" in page.text
    assert page.classes("rect").count("bad") == 60


def test_nothing_in_a_name_is_markup() -> None:
    """No element, attribute, template or escape sequence of a name or of a task's output reaches the page as such."""
    text = report_html(report_of(10, 3, file=HOSTILE))
    page = _Page(text)
    assert {"script", "img"}.isdisjoint(tag for tag, _ in page.tags)
    assert not [name for _, found in page.tags for name in found if name.startswith("on")]
    assert page.text.count('<script>document.title="owned"</script>') > 10
    assert "{{ 7 * 7 }}" in page.text
    assert "\x1b" not in text


def test_the_page_needs_nothing_beside_itself() -> None:
    """No address, no script, no link; and browsers are told so."""
    text = report_html(report_of(10, 3))
    assert not re.search(r"https?:|//|url\(|@import|<script|<link|\ssrc=|\shref=", text)
    assert "default-src 'none'" in text


def test_what_has_not_run_yet_makes_a_page_too() -> None:
    """Tasks that wait, without node, start and end; and none at all."""
    waiting = traces(1, 1)[0]._replace(
        state="waiting", node=None, started=None, ended=None, exit_code=None, output_bytes=None
    )
    report = report_of(10, 3)
    trace = Trace()
    assert "no task ran" in _Page(report_html(report._replace(trace=trace, failures=(), usages=()))).text
    trace.add([waiting])
    told = _Page(report_html(report._replace(trace=trace, runs=(), failures=(), usages=()))).text
    assert "1 task 1 waiting" in told
    assert "comes from the job itself" in told


def test_the_trace_is_a_row_per_task() -> None:
    """As CSV and as JSON lines, both with the same values; control characters of names are made visible."""
    row = traces(1, 1, "a,b\x1b\n.mov")[0]._replace(
        axes={"size": "1", "codec": "x"}, ended=None, output_bytes=None
    )
    (found,) = csv.DictReader(io.StringIO("".join(trace_csv([row]))))
    assert tuple(found) == COLUMNS
    assert (found["input"], found["axes"], found["ended"], found["outputBytes"]) == (
        "0/a,b␛␊.mov", "size=1 codec=x", "", "",
    )  # fmt: skip
    (line,) = trace_json([row])
    told = json.loads(line)
    assert told["axes"] == {"size": "1", "codec": "x"}
    assert {**told, "type": "trace"} == {"type": "trace", **traced_json(row), "seconds": None}
    assert read_traced(told) == row


def test_a_row_is_read_as_what_it_is_or_not_at_all() -> None:
    """Nodes may write to the container of the records."""
    found = traced_json(traces(1, 1)[0])
    assert read_traced({**found, "name": "\ud800"}).name == "?"
    wrong = {"axes": 5, "attempts": "many", "ended": "soon", "exitCode": {}, "inputBytes": 10**30}
    for name, value in wrong.items():
        with pytest.raises((ValueError, TypeError, AttributeError)):
            read_traced({**found, name: value})


def test_a_later_attempt_takes_the_place_of_an_earlier_one() -> None:
    """Of a record the last that is added; of a live job only what was added to it later, and is another one."""
    first = traces(5, 1)[4]
    second = first._replace(
        id=f"{first.id}-2", state="running", failure="", exit_code=None, created=BEGAN + timedelta(hours=1)
    )
    trace = Trace()
    trace.add([first])
    trace.add_newer([first._replace(state="succeeded")])  # as it was recorded: its sizes are known there
    assert _states(trace) == ["failed"]
    trace.add_newer([second])
    assert _states(trace) == ["running"]
    trace.add_newer([first])
    assert _states(trace) == ["running"]
    trace.add([first])
    assert _states(trace) == ["failed"]


def test_what_was_not_run_does_not_wait_in_a_job_that_is_over() -> None:
    """The record says so, with the reason. Of a task that was cancelled while it ran, the job knows when that was."""
    ran = traces(5, 1)[4]
    waits = ran._replace(state="waiting", failure="", exit_code=None, node=None, started=None, ended=None)
    never = waits._replace(state="not run", failure="not run: encode/a failed", created=None)
    cancelled = never._replace(state="cancelled", failure="cancelled")
    trace = Trace()
    trace.add([never])
    trace.add_newer([waits])
    assert list(trace) == [never]
    trace.add([cancelled])
    trace.add_newer([ran._replace(state="cancelled", failure="cancelled")])
    assert _states(trace) == ["cancelled"]
    assert next(iter(trace)).started == ran.started


def _states(trace: Trace) -> list[str]:
    return [row.state for row in trace]


def test_figures_of_a_group() -> None:
    """Median and 95 of 100 are durations that there were; the longest is in the last part of the histogram."""
    trace = Trace()
    trace.add(_lasting(second) for second in range(1, 101))
    (found,) = groups_of(trace)
    assert found.durations == pytest.approx((1, 50, 95, 100))
    assert (found.tasks, found.seconds, found.waited) == (100, pytest.approx(5050), 0)
    assert (sum(found.histogram), found.histogram[-1]) == (100, 5)


def _lasting(seconds: int) -> Traced:
    row = traces(1, 1)[0]
    id = f"clip-{seconds:010}".translate(str.maketrans("0123456789", "abcdefghij")) + "-" + "a" * 10
    ended = BEGAN + timedelta(seconds=seconds)
    return row._replace(id=id, created=BEGAN, started=BEGAN, ended=ended)


def test_load_is_an_average() -> None:
    """In each part of the time, also of what began or ended within it, or at its very end."""
    load = Load(Window(0, 4), 4)
    for began, ended in ((0, 4), (0.5, 2.5), (3.25, 3.5), (4, 4)):
        load.add(began, ended)
    assert load.values == [1.5, 2, 1.5, 1.25]
