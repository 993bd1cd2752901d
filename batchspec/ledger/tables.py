"""Every table of a plan's database, and what a row of each is.

Integer columns have their type, or joins on them are quadratic. A task is found by its `number`, its
place among the tasks of the spec.
"""

from __future__ import annotations

from batchspec.ledger.database import Database

_DESIRED = (
    # A task that should be. Its first input stands in its own row: a table of inputs would take 1.5 times as
    # long to fill. `record` is the blob that proves its work; `is_output` says that it is its output, too.
    "CREATE TABLE task (number INTEGER PRIMARY KEY, group_name TEXT, key TEXT, input_digest TEXT, record TEXT,"
    " id TEXT, fingerprint TEXT, is_output INTEGER, path TEXT, container TEXT, blob TEXT, size INTEGER,"
    " content TEXT, file BLOB, label TEXT, facts TEXT)",
    # What a task reads besides the input in its own row: further inputs (`name` is empty) and files, `path` on its
    # node. `producer` is the task that makes it; `is_pack` says that it is a folder, to be unpacked,
    # `comes_packed` that another read brings it, together with others, or that its node has it already.
    "CREATE TABLE reads (task INTEGER, position INTEGER, name TEXT, path TEXT, item_path TEXT, container TEXT,"
    " blob TEXT, size INTEGER, content TEXT, file BLOB, producer INTEGER, is_pack INTEGER, comes_packed INTEGER)",
    # An output of a task that has several, or whose outputs other groups read. `path` is on the node, `blob` for
    # people (NULL: temporary), `made` what other tasks read (NULL: none does). `listed` is the list of the files of a
    # folder that is stored file by file, too: `is_spread` for other tasks, `is_published` for people.
    "CREATE TABLE makes (task INTEGER, position INTEGER, name TEXT, title TEXT, path TEXT, blob TEXT, made TEXT,"
    " is_folder INTEGER, is_optional INTEGER, listed TEXT, is_spread INTEGER, is_published INTEGER)",
    # Tasks that nobody knows yet: at most so many (`most`) of a group, with these values along some axes (JSON). `root`
    # is the task whose files they will be made of, `excess` how many it has made where those are too many.
    "CREATE TABLE unknown (group_name TEXT, axes TEXT, most INTEGER, root INTEGER, excess INTEGER)",
    # A task one of whose folders is not whole in storage, or was when it had other files.
    "CREATE TABLE torn (task INTEGER PRIMARY KEY)",
    # A task whose outputs another one reads.
    "CREATE TABLE edge (task INTEGER, producer INTEGER)",
    # A task as the readers of its group's outputs look for it: by the values of axes that both have.
    "CREATE TABLE meets (reading TEXT, key TEXT, task INTEGER)",
    "CREATE INDEX meets_key ON meets (reading, key)",  # looked up while tasks are still added
    "CREATE INDEX makes_task ON makes (task)",
    # A task that a person named, and with which `option`: only, rerun.
    "CREATE TABLE chosen (number INTEGER, option TEXT, PRIMARY KEY (number, option)) WITHOUT ROWID",
    # A group of tasks, with the digest of what decides their results besides their inputs.
    "CREATE TABLE task_group (name TEXT PRIMARY KEY, digest TEXT)",
)
_DESIRED_INDEXES = (  # made when the tables are filled: that takes half the time
    "CREATE INDEX task_id ON task (id)",
    "CREATE INDEX task_record ON task (record)",
    "CREATE INDEX task_blob ON task (blob)",
    "CREATE INDEX reads_task ON reads (task)",
    "CREATE INDEX reads_blob ON reads (blob)",
    "CREATE INDEX makes_blob ON makes (blob)",
    "CREATE INDEX makes_made ON makes (made)",
    "CREATE INDEX edge_task ON edge (task)",
    "CREATE INDEX edge_producer ON edge (producer)",
)
_SEEN = (
    # A live task of the newest job under the id of a desired task's first attempt: nearly all of them are. `failure`
    # says why it failed, and is empty where it did not.
    "CREATE TABLE live (number INTEGER PRIMARY KEY, state TEXT, failure TEXT)",
    # Any other one: a further attempt, other work, or somebody else's task.
    "CREATE TABLE unmatched (id TEXT PRIMARY KEY, state TEXT, failure TEXT) WITHOUT ROWID",
    "CREATE VIEW seen AS SELECT id, state, failure FROM live JOIN task USING (number)"
    " UNION ALL SELECT id, state, failure FROM unmatched",
    # A live task whose links end before long.
    "CREATE TABLE ending (id TEXT PRIMARY KEY, state TEXT) WITHOUT ROWID",
    # A blob that tasks read.
    "CREATE TABLE uploaded (name TEXT PRIMARY KEY, size INTEGER, md5 TEXT) WITHOUT ROWID",
    # A blob that tasks made; `fingerprint`, `command` and `work` are its metadata, the last of an outdated command;
    # `reads` that of what reads files.
    "CREATE TABLE output (name TEXT PRIMARY KEY, md5 TEXT, etag TEXT, fingerprint TEXT, command TEXT, work TEXT,"
    " reads TEXT)"
    " WITHOUT ROWID",
    # A file of a published folder, and the work that made it: people read it, and nothing else does.
    "CREATE TABLE copied (name TEXT PRIMARY KEY, fingerprint TEXT) WITHOUT ROWID",
    # A file that was downloaded for the spec, wherever the spec stands now; and the blob it would be made of.
    "CREATE TABLE downloaded (blob TEXT, file TEXT, md5 TEXT)",
)
_JUDGED = (
    # A live task whose id is not that of a desired task's first attempt; `number` is the task that it was an
    # attempt at, NULL where that has left the spec.
    "CREATE TABLE other (id TEXT PRIMARY KEY, number INTEGER, key TEXT, work TEXT, attempt INTEGER, state TEXT,"
    " failure TEXT)",
    # The last of several attempts at the present work of a task, and those before it.
    "CREATE TABLE again (number INTEGER PRIMARY KEY, id TEXT, attempt INTEGER, state TEXT, failure TEXT)",
    "CREATE TABLE earlier (number INTEGER, id TEXT, state TEXT)",
    # A live task that does work which the spec no longer asks for.
    "CREATE TABLE changed (number INTEGER, id TEXT, state TEXT, same_command INTEGER)",
    # What becomes of each desired task; `attempt` is that of its live one, 0 without.
    "CREATE TABLE verdict (number INTEGER PRIMARY KEY, verdict TEXT, attempt INTEGER)",
    # With --only: a task that was named, or is needed by one.
    "CREATE TABLE selected (number INTEGER PRIMARY KEY)",
    # A task some of whose outputs are nowhere as its present work makes them, and one that has them all.
    "CREATE TABLE lacking (task INTEGER PRIMARY KEY)",
    "CREATE TABLE whole (task INTEGER PRIMARY KEY)",
    # An output that lies in one of its two places: a copy within the account saves running its task.
    "CREATE TABLE copy (task INTEGER, source TEXT, target TEXT)",
    # A blob that need not be uploaded: an older version did so, under a `name` without the content's digest.
    "CREATE TABLE older (blob TEXT PRIMARY KEY, name TEXT) WITHOUT ROWID",
    # A blob to upload, and the first task that reads it.
    "CREATE TABLE upload (blob TEXT PRIMARY KEY, number INTEGER, size INTEGER, reason TEXT) WITHOUT ROWID",
    # An output to download, or one that is not since something else lies there; and the task that makes it.
    "CREATE TABLE download (blob TEXT PRIMARY KEY, number INTEGER, reason TEXT, is_folder INTEGER) WITHOUT ROWID",
)
_RUN = (
    # A task that a run waits for. `failure` is NULL until it ends, then says why it failed, or nothing.
    "CREATE TABLE followed (id TEXT PRIMARY KEY, number INTEGER, job_id TEXT, failure TEXT) WITHOUT ROWID",
    # How a task that ended ran; moments are seconds since 1970.
    "CREATE TABLE ran (id TEXT PRIMARY KEY, created REAL, started REAL, ended REAL, node TEXT, exit_code INTEGER,"
    " retries INTEGER, requeues INTEGER) WITHOUT ROWID",
    # A task that the service did not take.
    "CREATE TABLE refused (id TEXT PRIMARY KEY, number INTEGER, failure TEXT) WITHOUT ROWID",
    # An output as it is there at the end of the run.
    "CREATE TABLE made (name TEXT PRIMARY KEY, fingerprint TEXT, size INTEGER) WITHOUT ROWID",
    # An output to download as soon as a transfer is free.
    "CREATE TABLE wanted (number INTEGER PRIMARY KEY, blob TEXT, is_folder INTEGER)",
)

# A task of one or more runs, as its last attempt ran; `key` is what the ids of all attempts begin with. Moments are
# seconds since 1970.
_TRACED = (
    "CREATE TABLE traced (key TEXT PRIMARY KEY, id TEXT, name TEXT, group_name TEXT, input TEXT, axes TEXT,"
    " state TEXT, failure TEXT, exit_code INTEGER, attempts INTEGER, node TEXT, created REAL, started REAL,"
    " ended REAL, input_bytes INTEGER, output_bytes INTEGER) WITHOUT ROWID",
    "CREATE INDEX traced_node ON traced (node, started)",
)


def begin(database: Database) -> None:
    """The tables of what should be."""
    database.define(*_DESIRED)


def index(database: Database) -> None:
    """Called once what should be is in its tables."""
    database.define(*_DESIRED_INDEXES)


def look(database: Database) -> None:
    """Empty tables of what there is: what was seen before is forgotten."""
    _anew(database, _SEEN)


def judge(database: Database) -> None:
    """Empty tables of what a plan decides: the plan made before is forgotten."""
    database.define("DROP INDEX IF EXISTS task_key", "DROP VIEW IF EXISTS counted")
    _anew(database, _JUDGED)


def run(database: Database) -> None:
    """Empty tables of what a run does."""
    _anew(database, _RUN)


def trace(database: Database) -> None:
    """An empty table of how tasks ran."""
    database.define(*_TRACED)


def _anew(database: Database, statements: tuple[str, ...]) -> None:
    named = ((words[1], words[2]) for words in map(str.split, statements) if words[1] != "INDEX")
    database.define(*(f"DROP {kind} IF EXISTS {name}" for kind, name in named), *statements)
