"""Issue's main job on the real account: `apply`, once more, `destroy`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import pytest
from entra.workload import Ended, Workload, copy_main_job

from batchspec.service.batch import pool as pool_service
from batchspec.service.connect import Account

_APPLY_WITHIN_S = 45 * 60
_DESTROY_WITHIN_S = 10 * 60


@dataclass(frozen=True)
class Applied:
    workload: Workload
    environment: Mapping[str, str]
    ended: Ended


@pytest.fixture(scope="module")
def applied(
    azure: Account, operator: Mapping[str, str], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Applied]:
    """The main job, applied; taken away with its outputs, whatever came of it."""
    workload = copy_main_job(tmp_path_factory.mktemp("live"))
    environment = {**operator, "BATCHSPEC_TARGET": "azure"}
    try:
        ended = workload.run("apply", environment=environment, within_s=_APPLY_WITHIN_S)
        yield Applied(workload, environment, ended)
    finally:
        words = ("destroy", "--auto-approve", "--outputs")
        gone = workload.run(*words, environment=environment, within_s=_DESTROY_WITHIN_S)
    assert gone.code == 0, gone.err


def test_main_job(applied: Applied) -> None:
    """Five clips become five MP3 files at home. [DESIGN 3: user delegation SAS for seven days, FACTS 7]"""
    assert applied.ended.code == 0, applied.ended.out + applied.ended.err
    made = {path.name: path.stat().st_size for path in applied.workload.outputs.rglob("*.mp3")}
    assert sorted(made) == [f"LowPriVMs-{number}.mp3" for number in range(1, 6)]
    assert min(made.values()) > 1000


def test_a_plan_after_a_quiet_apply_is_empty(applied: Applied) -> None:
    """No default that the service fills in shows as drift. [FACTS 0.3, 5.1, 8.2; the whole of its defaults]"""
    again = applied.workload.run("plan", "--detailed-exitcode", environment=applied.environment)
    assert again.code == 0, again.out + again.err


def test_ids_of_spot_nodes(applied: Applied, azure: Account) -> None:
    """Ids of Spot nodes are `tvmps_…_p`. [FACTS 2: `_p` is [K]]"""
    nodes = pool_service.nodes(azure.batch, f"{applied.workload.name}-pool")
    assert nodes
    assert {(node["id"].partition("_")[0], node["id"].rpartition("_")[2]) for node in nodes} == {
        ("tvmps", "p")
    }
