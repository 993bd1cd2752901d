"""A plan in a pull request: a table and folded details, within the forge's limit; no name in it is markup."""

from html.parser import HTMLParser

import pytest
from bench.workload import made_up_inputs, spec_of
from markdown_it import MarkdownIt

from batchspec.desired.artifacts.readable import Readable
from batchspec.desired.expansion.expand import expand
from batchspec.plan.actions.planner import make_plan
from batchspec.plan.model import Plan
from batchspec.plan.observed import Observed
from batchspec.render.plans.as_markdown import LONGEST, plan_markdown
from batchspec.render.plans.markdown import code

SPEC = """\
version: 1
name: video
pool: {id: video-pool, vmSize: Standard_D2ds_v5, image: "canonical:ubuntu-24_04-lts:server", targetDedicatedNodes: 2}
job: {id: video-job, constraints: {maxWallClockTime: PT1H}}
tasks:
  encode:
    inputs: {container: input}
    command: [encode, "{{ input.path }}"]
  notes:
    command: [say, "<img src=x> @octocat ```` | [a](http://b) ::error::c ![d](e)"]
"""
HOSTILE = (
    "a|b",
    "a\\|b",
    "`a`",
    "<b>a</b>",
    "@octocat",
    "[a](http://b)",
    "![a](b)",
    "a_b_ *c* ~~d~~",
    "<!-- a",
    "</details>",
    "a\nb",
    "&lt;",
    "http://a.b",
    "#1",
)


def planned(tasks: int) -> Plan:
    spec = spec_of(SPEC, "video.yaml")
    return make_plan(expand(spec, Readable({"encode": made_up_inputs(tasks)})), Observed())


def markdown(plan: Plan, environment: str = "batchspec plan video.yaml  # local") -> str:
    return plan_markdown(plan, id="0123456789", environment=environment)


class Outside(HTMLParser):
    """The text of a page outside of code, and its elements."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.text, self.elements, self._within = "", set[str](), 0
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: object) -> None:
        self.elements.add(tag)
        self._within += tag == "code"

    def handle_endtag(self, tag: str) -> None:
        self._within -= tag == "code"

    def handle_data(self, data: str) -> None:
        self.text += "" if self._within else data


def shown(text: str) -> Outside:
    return Outside(MarkdownIt("gfm-like", {"linkify": False}).render(text))


def test_a_table_says_how_many_of_each_group_and_why() -> None:
    """Resources with what becomes of them, groups with their counts and reasons; every action is folded away."""
    said = markdown(planned(3)).partition("<details>")
    assert (
        said[0]
        == """\
<!-- batchspec plan video 18cc60d948 -->
### batchspec plan: `video`

```text
batchspec plan video.yaml  # local
```

Plan: 2 to create, 4 to run; 0 tasks up to date.

| resource | change | why |
|---|---|---|
| pool `video-pool` | create | not there yet |
| job `video-job` | create | not there yet |

| group | to run | why |
|---|---:|---|
| `encode` | 3 | 3 new input |
| `notes` | 1 | 1 has not run yet |

plan id `0123456789`

"""
    )
    assert "<summary>4 tasks to run</summary>" in said[2]
    assert said[2].count("</details>") == 1 + said[2].count("<details>")
    assert said[2].count("      > encode/") == 3


@pytest.mark.parametrize("tasks", [0, 5000])
def test_it_is_within_the_limit_of_the_forge(tasks: int) -> None:
    """However many tasks there are, and whatever is on the command line; what is cut off is said."""
    said = markdown(planned(tasks), "batchspec plan video.yaml --set x=" + "y" * 100_000)
    assert len(said) <= LONGEST
    assert said.endswith("</details>\n")
    assert ("… cut off here: run `plan --all`" in said) is True
    assert shown(said).elements >= {"table", "details"}


def test_nothing_in_it_is_markup_of_others() -> None:
    """A command with HTML, links, mentions and fences of its own stands in code, and breaks out of nothing."""
    page = shown(markdown(planned(2)))
    ours = {"h3", "pre", "code", "p", "table", "thead", "tbody", "tr", "th", "td", "details", "summary"}
    assert page.elements == ours
    assert "octocat" not in page.text


@pytest.mark.parametrize("name", HOSTILE)
def test_a_name_in_a_table_is_a_name(name: str) -> None:
    """It is in one cell, as code, whatever it has in it."""
    page = shown(f"| a | b |\n|---|---|\n| {code(name)} | c |\n")
    assert page.elements == {"table", "thead", "tbody", "tr", "th", "td", "code"}
    assert "".join(page.text.split()) == "abc"
