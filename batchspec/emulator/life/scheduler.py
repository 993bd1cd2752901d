"""Which task runs where: jobs by priority, oldest task first, nodes filled as the pool says."""

from batchspec.emulator.life.account.account import Account
from batchspec.emulator.life.account.model import Job, Node, Pool
from batchspec.emulator.life.jobs import task as task_life
from batchspec.emulator.life.pools.prepared import is_out

_BATCH = 200  # tasks looked at for one job at a time


def step(account: Account) -> None:
    for pool in list(account.pools.values()):
        nodes = [node for node in pool.nodes.values() if node.free_slots() > 0]
        if nodes:
            _fill(account, pool, nodes)


def has_work(account: Account, pool: Pool) -> bool:
    """Some task could start on the pool's nodes as they are."""
    return any(_has_work(account, pool, job) for job in _jobs(account, pool))


def _has_work(account: Account, pool: Pool, job: Job) -> bool:
    free = max((node.free_slots() for node in pool.nodes.values() if not is_out(job, node)), default=0)
    return free > 0 and bool(account.store.ready(job.number, free, 1))


def _jobs(account: Account, pool: Pool) -> list[Job]:
    jobs = [
        job
        for job in account.jobs.values()
        if job.state == "active" and job.pool_key == pool.key and job.maybe_ready
    ]
    return sorted(jobs, key=lambda job: (-job.doc["priority"], job.number))


def _fill(account: Account, pool: Pool, nodes: list[Node]) -> None:
    for job in _jobs(account, pool):
        while _place_some(account, pool, job, nodes):
            pass


def _place_some(account: Account, pool: Pool, job: Job, nodes: list[Node]) -> bool:
    """True when there may be more to place."""
    room = sum(node.free_slots() for node in nodes)
    most = job.doc["maxParallelTasks"]
    if most >= 0:
        room = min(room, most - len(job.running))
    widest = max((node.free_slots() for node in nodes), default=0)
    if room <= 0 or widest <= 0:
        return False
    limit = min(room, _BATCH)
    ready = account.store.ready(job.number, widest, limit)
    if not ready and widest == pool.doc["taskSlotsPerNode"]:
        job.maybe_ready = False
    placed = 0
    with account.store.transaction():
        for seq, slots in ready:
            node = _choose(pool, job, nodes, slots)
            if node is None:
                continue
            row = account.store.task_by_seq(seq)
            if row is not None:
                task_life.start(account, job, node, row)
                placed += 1
    return placed == limit


def _choose(pool: Pool, job: Job, nodes: list[Node], slots: int) -> Node | None:
    fitting = [node for node in nodes if node.free_slots() >= slots and not is_out(job, node)]
    if not fitting:
        return None
    if pool.doc["taskSchedulingPolicy"]["nodeFillType"].lower() == "pack":
        return min(fitting, key=lambda node: node.free_slots())
    return max(fitting, key=lambda node: node.free_slots())
