"""What a group reads of other groups: which of their outputs, and by which axes it finds their tasks."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from batchspec.codes import Code
from batchspec.language.glob.pattern import Glob
from batchspec.language.glob.pattern import parse as parse_glob
from batchspec.language.glob.syntax import GlobError
from batchspec.language.rows.axes import RESERVED, Axes, in_common
from batchspec.language.rows.words import Find, Made, OutputWord, Read, quoted, read_made
from batchspec.language.templates.template import is_template
from batchspec.source import Path


class Link(NamedTuple):
    """What a group reads of another one: the outputs of which of its tasks.

    `on` pairs an axis of theirs with one of ours, or with the text of a template. With a `glob`, the matching files
    in the folder are read one by one, no more than `at_most` from each task; they are known once that task has run.
    """

    group: str
    output: OutputWord
    on: tuple[tuple[str, str], ...]
    glob: Glob | None = None
    at_most: int = 0

    @property
    def is_pack(self) -> bool:
        """Whether what is read is a whole folder."""
        return self.output.is_folder and self.glob is None


class LinkReader:
    """Reads what the group *name* says of the outputs of others; *axes* are those of the tasks of each before it."""

    def __init__(
        self,
        name: str,
        outputs: Mapping[str, tuple[OutputWord, ...]],
        axes: Mapping[str, Axes],
        find: Find,
    ) -> None:
        self._name = name
        self._outputs = outputs
        self._axes = axes
        self._find = find

    def of_inputs(self, inputs: Mapping[str, Any]) -> Link | None:
        """What *inputs* mean that another group makes: its outputs, or the files in one that is a folder."""
        where: Path = ("tasks", self._name, "inputs")
        link = self._link(read_made(inputs), where)
        if not ({"match", "atMost"} & inputs.keys()):
            return link
        if {"match", "atMost"} - inputs.keys():
            what = "`match` and `atMost` belong together: which files there are is known only when the task has run"
            helps = ('for example: {from: split, match: "{part}.ts", atMost: 200}',)
            self._find(Code.NOT_ALLOWED_HERE, what, where, helps=helps)
            return link
        try:
            glob = parse_glob(str(inputs["match"]))
        except GlobError as error:
            self._find(Code.BAD_GLOB, f"match: {error.message}", (*where, "match"), helps=error.helps)
            return link
        if link is not None:
            self._check_glob(link, glob, (*where, "match"))
        return link and link._replace(glob=glob, at_most=inputs["atMost"])

    def _check_glob(self, link: Link, glob: Glob, where: Path) -> None:
        if not link.output.is_folder:
            what = f"`match` takes files of a folder, and what {link.group} makes is a file"
            self._find(Code.NOT_ALLOWED_HERE, what, where, helps=("declare a folder there: `output: NAME/`",))
        for name in glob.axes:
            if name in RESERVED or name in self._axes[link.group].has:
                what = f"`{name}` is an axis of the tasks of {link.group}"
                self._find(Code.DUPLICATE_AXIS, what, where, helps=("give this axis another name",))

    def of_files(self, reads: Mapping[str, Read], axes: Axes) -> Iterator[tuple[str, Link]]:
        """What each of *reads* means that other groups make, by its name; *axes* are those of the group itself."""
        for name, read in reads.items():
            made = read.source
            if isinstance(made, Made) and (link := self._link(made, read.path)) is not None:
                yield name, link._replace(on=self._pairs(read, made, axes))

    def _link(self, made: Made, path: Path) -> Link | None:
        """What *made* means; None after a finding."""
        if made.group not in self._axes:
            if made.group not in self._outputs:
                known = f"the spec has {quoted(self._outputs)}"
                where = (*path, "from")
                self._find(Code.UNKNOWN_GROUP, f"there is no group `{made.group}`", where, helps=(known,))
            return None
        outputs = self._outputs[made.group]
        chosen = [word for word in outputs if made.output is None or word.name == made.output]
        if len(chosen) != 1:
            self._tell_output(made, outputs, path)
            return None
        if chosen[0].is_optional:
            what = f"an optional output of {made.group} may be missing, so no other group can read it"
            self._find(Code.UNKNOWN_GROUP, what, path, helps=("remove `optional: true` there",))
        return Link(made.group, chosen[0], ())

    def _tell_output(self, made: Made, outputs: tuple[OutputWord, ...], path: Path) -> None:
        names = quoted(word.name for word in outputs if word.name)
        if made.output is not None:
            what, help = f"{made.group} has no output `{made.output}`", f"it has {names}"
        elif outputs:
            what, help = f"{made.group} has several outputs", f"add `output:` with one of {names}"
        else:
            what, help = f"{made.group} declares no output that could be read", "give it an `output:`"
        where = (*path, "output") if made.output is not None else path
        self._find(Code.UNKNOWN_GROUP, what, where, helps=(help,))

    def _pairs(self, read: Read, made: Made, axes: Axes) -> tuple[tuple[str, str], ...]:
        """The axes by which the tasks are found that make what *read* means: theirs with ours."""
        theirs = self._axes[made.group]
        if made.on is not None:
            for other, own in made.on:
                self._check_on(made.group, theirs, other, axes, own, read)
            return made.on
        common = in_common(axes, theirs)
        if not common and theirs.has and not read.all:
            what = f"{self._name} and {made.group} share no axis, so nothing says which task of {made.group} is meant"
            label = f"{self._name} has {quoted(axes.has)}; {made.group} has {quoted(theirs.has)}"
            helps = (
                "give both the same axis, say which belong together with `on:`, or read all of them with `all:`",
            )
            self._find(Code.NO_COMMON_AXIS, what, read.path, label=label, helps=helps)
        return tuple((name, name) for name in common)

    def _check_on(self, group: str, theirs: Axes, other: str, axes: Axes, own: str, read: Read) -> None:
        if other not in theirs.has:
            label = f"the tasks of {group} have {quoted(theirs.has)}"
            self._find(
                Code.UNKNOWN_GROUP, f"on: {group} has no axis `{other}`", (*read.path, "on"), label=label
            )
        if not is_template(own) and own not in axes.has:
            label = f"the tasks of {self._name} have {quoted(axes.has)}"
            self._find(
                Code.UNKNOWN_GROUP, f"on: {self._name} has no axis `{own}`", (*read.path, "on"), label=label
            )
