"""Words that people know from other tools, and what to write in a spec instead."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

_READ = (
    "a task group reads what another one makes: `inputs: {from: GROUP}`, or `files: {NAME: {from: GROUP}}`"
)
_ROWS = (
    "a task group makes a task for each file of `inputs: GLOB`, or for each value of `matrix: {NAME: [...]}`"
)
_COMMAND = "a task group has `command`: text for bash, or a list of words"
_CONTAINER = "a task group has `containerSettings: {imageName: IMAGE}`; `image` of the pool is for its nodes"
_TIME = "a task group, or the job, has `constraints: {maxWallClockTime: PT1H}`"
_RETRY = "a task group, or the job, has `constraints: {maxTaskRetryCount: 3}`"
_NODES = "the pool has `targetDedicatedNodes: 3`, or `spot: 3` for Spot nodes"
_SIZE = "`vmSize` of the pool is the size of a node; a task group has `requiredSlots`, of the pool's `taskSlotsPerNode`"
_REGION = "the region is that of the Batch account, which the environment names (AZURE_BATCH_ENDPOINT)"
_SETUP = "the pool has `startTask: {commandLine: ..., waitForSuccess: true}`, which prepares each node"
_ENV = "a task group has `env: {NAME: value}`, the job `commonEnvironmentSettings`"


def _flat(table: Mapping[str, Iterable[str]]) -> Iterator[tuple[str, str]]:
    for answer, words in table.items():
        yield from ((word, answer) for word in words)


_ANSWERS = dict(
    _flat(
        {
            _READ: ("needs", "dependson", "deps", "dependencies", "after", "requires", "upstream"),
            _ROWS: ("foreach", "items", "strategy", "withitems", "loop", "parallel"),
            _COMMAND: ("script", "run", "cmd", "args", "entrypoint", "shell"),
            _CONTAINER: ("image", "container", "docker"),
            _TIME: ("timeout", "timeoutminutes", "timelimit"),
            _RETRY: ("retry", "retries", "maxretries"),
            _NODES: ("nodes", "nodecount", "instances", "replicas", "count"),
            _SIZE: (
                "cpu",
                "cpus",
                "memory",
                "mem",
                "resources",
                "gpu",
                "gpus",
                "machinetype",
                "instancetype",
            ),
            _REGION: ("region", "location", "zone"),
            _SETUP: ("setup", "init", "beforescript", "bootstrap"),
            _ENV: ("env", "environment", "variables"),
        }
    )
)


def answer_to(word: str) -> str:
    """What to write in place of *word*; "" where nobody is known to write it by habit."""
    return _ANSWERS.get(word.replace("_", "").replace("-", "").lower(), "")
