"""Files of this machine that the pool's start task reads: uploaded, part of what it is, and reached by links."""

from __future__ import annotations

import json
from collections.abc import Callable
from copy import deepcopy
from datetime import UTC, datetime, timedelta
from pathlib import Path
from secrets import token_hex
from typing import Any

import pytest

from batchspec.document.parser import parse
from batchspec.engine.drift import drift_now
from batchspec.errors import SpecError
from batchspec.language.build import build
from batchspec.language.model import Spec
from batchspec.plan.model import Kind
from batchspec.resources.base import Effect
from batchspec.resources.links import LONGEST_LINK_LIFE, end_of
from batchspec.service.connect import Account
from batchspec.service.embedded import LocalAccount
from batchspec.source import Source

from .endpoint import applied, planned, served

Ask = Callable[[int], Spec]
"""The spec with a task of this number."""


@pytest.fixture
def ask(tmp_path: Path) -> Ask:
    (tmp_path / "setup.sh").write_text("touch $AZ_BATCH_NODE_SHARED_DIR/$1\n")
    name = f"s{token_hex(5)}"

    def spec(task: int) -> Spec:
        data = {
            "version": 1,
            "name": name,
            "params": {"tool": "ready"},
            "files": {"setup": "./setup.sh"},
            "pool": {
                "id": "nodes",
                "vmSize": "Standard_D2ds_v5",
                "image": "canonical:ubuntu-24_04-lts:server",
                "targetDedicatedNodes": 1,
                "startTask": {"commandLine": "/bin/sh {{ files.setup.path }} {{ params.tool }}"},
            },
            "job": {"id": "one"},
            "tasks": {"show": {"command": f"test -e $AZ_BATCH_NODE_SHARED_DIR/ready # {task}"}},
        }
        return build(parse(Source(str(tmp_path / "work.yaml"), json.dumps(data))))

    return spec


def start_task(account: Account) -> dict[str, Any]:
    found: dict[str, Any] = account.batch.get("/pools/nodes", doing="read").body["startTask"]
    return found


def start_link(account: Account) -> str:
    return str(start_task(account)["resourceFiles"][0]["httpUrl"])


def test_a_start_task_reads_a_local_file(ask: Ask, tmp_path: Path, local_account: LocalAccount) -> None:
    """A node runs it, nothing is left to do, and a changed file is a changed start task; one change, told as such."""
    home = tmp_path / "home"
    with served(home, local_account.connection_string) as account:
        applied(account, ask(1), detach=False)
        assert start_task(account)["commandLine"] == "/bin/sh files/setup/setup.sh ready"
        assert planned(account, ask(1)).is_empty
        assert not any(compared.differences for compared in drift_now(account, ask(1)))
        (tmp_path / "setup.sh").write_text("true\n")
        (action,) = planned(account, ask(1)).of(Kind.POOL)
        assert [(change.path, change.effect) for change in action.changes] == [
            (("startTask", "resourceFiles"), Effect.REJOIN)
        ]
        assert any(compared.differences for compared in drift_now(account, ask(1)))
        applied(account, ask(1))
        assert planned(account, ask(1)).is_empty


def test_links_of_a_start_task_are_renewed_and_are_no_change(
    ask: Ask, tmp_path: Path, local_account: LocalAccount
) -> None:
    """They last for 90 days; an apply with work for the pool renews those of which half is over, and that is all."""
    home = tmp_path / "home"
    with served(home, local_account.connection_string) as account:
        applied(account, ask(1), detach=False)
        assert _left(account) > LONGEST_LINK_LIFE - timedelta(days=1)
        assert not [*planned(account, ask(2)).of(Kind.POOL)]
        body = deepcopy(start_task(account))
        container, _, blob = (
            start_link(account).partition("?")[0].partition("/batchspeclocal/")[2].partition("/")
        )
        body["resourceFiles"][0]["httpUrl"] = account.blobs.read_url(container, blob, timedelta(days=40))
        account.batch.patch("/pools/nodes", {"startTask": body}, doing="shorten")
        assert planned(account, ask(1)).is_empty
        (action,) = planned(account, ask(2)).of(Kind.POOL)
        assert [change.effect for change in action.changes] == [Effect.IN_PLACE]
        applied(account, ask(2), detach=False)
        assert _left(account) > LONGEST_LINK_LIFE - timedelta(days=1)


def _left(account: Account) -> timedelta:
    end = end_of(start_link(account))
    assert end is not None
    return end - datetime.now(UTC)


@pytest.mark.parametrize("entry", ["scene/", "*.sh", "{os}.sh", {"container": "tools", "blob": "a.zip"}])
def test_a_start_task_reads_single_local_files_only(entry: object) -> None:
    """Nothing on a node unpacks a folder before its tasks, and of a blob nobody would see that it has changed."""
    pool = {"id": "a", "vmSize": "Standard_D2ds_v5", "image": "canonical:ubuntu-24_04-lts:server"}
    start = {"startTask": {"commandLine": "/bin/sh {{ files.tools.path }}"}}
    data = {"version": 1, "name": "work", "files": {"tools": entry}, "pool": pool | start}
    with pytest.raises(SpecError, match="single files of this machine"):
        build(parse(Source("work.yaml", json.dumps(data))))
