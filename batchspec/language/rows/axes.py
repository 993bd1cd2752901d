"""The axes of groups: along which their rows differ, and which of them their tasks have. All of it follows from text.

The rows of a group have the axes of its inputs (the `{name}`s of a glob, or those that the tasks of another
group have), then those of its matrix. A task has all of its row's axes; with `per` those it names; with `collect`
none. Of an axis that a task has there is one value; of any other there is a list.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

RESERVED = FOLDER, SOURCE = "folder", "source"


class Axes(NamedTuple):
    """The axes of a group's rows, in their order, and those that its tasks have.

    `origin` stands for the text of the inputs that the rows come from in the end, None where there is none: only
    rows of one origin can meet on `source`.
    """

    rows: tuple[str, ...] = ()
    has: tuple[str, ...] = ()
    origin: str | None = None

    @property
    def lists(self) -> tuple[str, ...]:
        return tuple(name for name in self.rows if name not in self.has)


def of_inputs(names: Sequence[str], origin: str) -> Axes:
    """Of rows made by files or blobs, whose globs have *names*."""
    axes = (*names, FOLDER, SOURCE)
    return Axes(axes, axes, origin)


def of_made(producer: Axes, names: Sequence[str] = ()) -> Axes:
    """Of rows made by what the tasks of another group make: of files in a folder, whose glob has *names*, too."""
    kept = tuple(name for name in producer.has if name not in (FOLDER, SOURCE))
    source = (SOURCE,) if SOURCE in producer.has else ()
    axes = (*kept, *names, FOLDER, *source)
    return Axes(axes, axes, producer.origin if source else None)


def with_matrix(inputs: Axes, names: Sequence[str], *, matrix_first: bool) -> Axes:
    """Of every combination of input and matrix; which of them is the slower one is as it is written."""
    rows = (*names, *inputs.rows) if matrix_first else (*inputs.rows, *names)
    return Axes(rows, rows, inputs.origin)


def shaped(rows: Axes, per: Sequence[str], *, joins: bool) -> Axes:
    """Of tasks that are made per some axes, or of everything."""
    if not joins:
        return rows
    return Axes(rows.rows, tuple(per), rows.origin if SOURCE in per else None)


def in_common(reader: Axes, producer: Axes) -> tuple[str, ...]:
    """The axes by which tasks of two groups match, unless the reader says otherwise.

    `source` counts only where both trace back to the same inputs. The folder of an input is not what people
    mean by "the same": it counts only where both name it with `per`, and has no other axis beside it.
    """
    both = tuple(name for name in reader.has if name in producer.has)
    same = reader.origin is not None and reader.origin == producer.origin
    found = tuple(name for name in both if name != FOLDER and (name != SOURCE or same))
    return found or tuple(name for name in both if name == FOLDER and not same)


def in_flow_order(reads: Mapping[str, Sequence[str]]) -> tuple[str, ...]:
    """The groups of *reads* (each with those it reads), every one behind what it reads, else as they are written.

    Raises `graphlib.CycleError`, whose second argument names the circle.
    """
    from graphlib import TopologicalSorter

    sorter = TopologicalSorter(reads)
    sorter.prepare()
    places = {name: place for place, name in enumerate(reads)}
    order: list[str] = []
    ready: list[str] = []
    while sorter.is_active():
        ready = sorted((*ready, *sorter.get_ready()), key=places.__getitem__)
        order.append(ready.pop(0))
        sorter.done(order[-1])
    return tuple(order)
