"""The line of a task that needs more than its command: a script for the node's `sh`, always the same.

Each try begins with an empty `out/`, the command runs as a child, and a success without a declared output
ends with exit code 66. Folders come as packs and go as packs (`packing`). How the node splits a line nobody
publishes, so that the script holds neither a single quote nor a backslash, and what differs from task to task
are plain words behind it (outputs and packs) and an environment setting (the command).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from batchspec.desired.names import OUTPUT_FOLDER
from batchspec.desired.packing import NEEDS_TAR, PACK_SUFFIX, UNPACK, one_line, pack
from batchspec.resources.task import COMMAND_VARIABLE

OUTPUT_MISSING = 66
"""The exit code of a task whose command succeeded without writing a declared output."""

_STRAY = "belongs to no output"


class NodeOutput(NamedTuple):
    """Something that a task leaves on its node: `path` lies below `out/`, a folder's without a slash at its end.

    A folder becomes `PATH.tar`. `is_listed`: what files it has is in `PATH.list` then.
    """

    path: str
    is_folder: bool = False
    is_optional: bool = False
    is_listed: bool = False


ANY = NodeOutput(OUTPUT_FOLDER, is_folder=True, is_optional=True)
"""Whatever lies in `out/`: raw `outputFiles` may take it, so that no file there is called a stray."""


class NodePack(NamedTuple):
    """A pack that a resource file brings as `PATH.tar`: of the folder `path`, or for the one that it lies in."""

    path: str
    is_merged: bool = False


def wrapped_words(
    outputs: Sequence[NodeOutput], packs: Sequence[NodePack] = (), *, links: bool = False
) -> str:
    """The line that runs the variable's words, quoted for a shell; each reaches the program as it is."""
    return _line(f'(eval "exec ${COMMAND_VARIABLE}")', outputs, packs, links=links)


def wrapped_script(
    outputs: Sequence[NodeOutput], packs: Sequence[NodePack] = (), *, links: bool = False
) -> str:
    """The line that runs the variable as a script; it fails when any part of it does."""
    return _line(f'bash -eo pipefail -c "${COMMAND_VARIABLE}"', outputs, packs, links=links)


def strays_in(stderr: str) -> list[str]:
    """The files in `out/` of which a task's *stderr* says that nothing takes them; of very many, the first."""
    return re.findall(rf"^batchspec: (.*) {_STRAY}$", stderr, re.MULTILINE)


def _line(command: str, outputs: Sequence[NodeOutput], packs: Sequence[NodePack], *, links: bool) -> str:
    required = [_word(output) for output in outputs if not output.is_optional]
    others = [*(_word(output) for output in outputs if output.is_optional), *map(_pack_word, packs)]
    words = [*required, *(("-", *others) if others else ())]
    script = " ".join((*((_LINK,) if links else ()), *_script(command, outputs, packs)))
    return " ".join((f"/bin/sh -c '{script}' batchspec", *words))


def _script(command: str, outputs: Sequence[NodeOutput], packs: Sequence[NodePack]) -> Iterator[str]:
    """The parts of the script; those about packs only where there are some."""
    folders = [output for output in outputs if output.is_folder and output != ANY]
    if folders or packs:
        yield NEEDS_TAR
    if packs:
        yield UNPACK
    yield f"{_BEFORE} {command} {_AFTER}"
    if folders:
        yield f"[ $c = 0 ] || {_END}; trap - TERM INT HUP;"
        yield pack(OUTPUT_MISSING, listed=any(folder.is_listed for folder in folders))
    yield _END


def _word(output: NodeOutput) -> str:
    return f"{output.path}/" if output.is_folder else output.path


def _pack_word(pack: NodePack) -> str:
    return f"{pack.path}{PACK_SUFFIX}" if pack.is_merged else f"{pack.path}/"


# The outputs are $1, $2, ...; behind a `-` those that may be missing, and packs. A folder ends with a slash. Not
# `exec`, since something has to look at what the command left; so a signal is handed on, and the command's end waited
# for again. The names are short because each task carries the script: o output, p process, c exit code, s signalled,
# a all outputs, f file, n number of strays, l list.


# What the node's preparation task has fetched for all tasks. What the task brings itself comes first.
_LINK = one_line(
    """
mkdir -p files || exit 1;
for f in "$AZ_BATCH_JOB_PREP_WORKING_DIR"/files/*; do
  [ -e "files/${f##*/}" ] || ln -s "$f" files/ || exit 1;
done;
"""
)
_BEFORE = one_line(
    """
if [ -e out ] || [ -L out ]; then
  rm -rf out 2>/dev/null || { chmod -R u+rwx out; rm -rf out; } || exit 1;
fi;
for o; do [ $o = - ] || mkdir -p ${o%/*} || exit 1; done;
"""
)
_AFTER = one_line(
    f"""
& p=$!; s=; t() {{ s=1; kill $p; }}; trap t TERM INT HUP;
wait $p; c=$?;
while [ $s ]; do s=; wait $p; c=$?; done;
[ $c = 0 ] || exit $c;
for o; do
  case $o in -) break;; */) [ -d $o ];; *) [ -f $o ];; esac ||
    {{ echo "batchspec: $o is missing" >&2; c={OUTPUT_MISSING}; }};
done;
a=" $* "; n=0;
l() {{
  for f in "$1"/* "$1"/.[!.]*; do
    case $a in *" $f "*|*" $f/ "*) continue;; esac;
    if [ -d "$f" ] && [ ! -L "$f" ]; then l "$f";
    elif [ -e "$f" ]; then n=$((n+1)); [ $n -gt 20 ] || echo "batchspec: $f {_STRAY}" >&2; fi;
  done;
}};
case $a in *" out/ "*) ;; *) l out;; esac;
[ $n -le 20 ] || echo "batchspec: and $((n-20)) more files in out/" >&2;
"""
)
_END = "exit $c"
