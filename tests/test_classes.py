"""Our dataclasses and named tuples are the standard library's: whatever is asked of one, the answer is the same."""

import copy
import dataclasses
import inspect
import itertools
import pickle
from collections.abc import Callable
from dataclasses import FrozenInstanceError, field
from typing import Any, ClassVar, NamedTuple, get_type_hints

import pytest

from batchspec import classes as ours

SLOTS = {"frozen": True, "slots": True}
KINDS = (SLOTS, {"frozen": True}, {**SLOTS, "kw_only": True}, {"slots": True}, {**SLOTS, "order": True})
ARGUMENTS = (
    (1, ()),
    (1, (2,)),
    (1, (2,), "x"),
    (1, (2,), "x", 4),
    (2, [2], "x", 5),
    (NAN := float("nan"), (NAN,)),
)


def made(dataclass: Callable[..., Any], options: dict[str, bool]) -> tuple[Any, Any, Any]:
    """Three classes: with all sorts of fields, one that inherits them, and one without any."""

    @dataclass(**options)
    class Shape:
        """Of all sorts."""

        size: float
        sides: object
        name: str = "none"
        _seen: int = field(default=3, compare=False, repr=False)
        tags: dict[str, int] = field(default_factory=dict)
        kinds: ClassVar[int] = 2

        def __post_init__(self) -> None:
            if self.size < 0:
                raise TypeError("too small")

        @property
        def twice(self) -> float:
            return self.size * 2

    @dataclass(**options)
    class Square(Shape):
        side: int = 1

        def __repr__(self) -> str:
            return f"[{self.side}]"

    @dataclass(**options)
    class Nothing:
        pass

    return Shape, Square, Nothing


def answers(classes: tuple[Any, Any, Any], call: Callable[..., Any]) -> list[str]:
    """What each object, made by *call*, says to all that can be asked."""
    objects = [call(each, *arguments) for each in classes[:2] for arguments in ARGUMENTS] + [classes[2]()]
    return [said(lambda ask=ask, it=it: ask(it)) for it in objects for ask in QUESTIONS] + [
        said(lambda one=one, other=other: (one == other, one == str(one), one in {one: 1, other: 2}))
        for one, other in itertools.combinations_with_replacement(objects, 2)
    ]


QUESTIONS: tuple[Callable[[Any], object], ...] = (
    repr,
    lambda it: dataclasses.replace(it, name="other"),
    dataclasses.asdict,
    dataclasses.astuple,
    lambda it: [(each.name, each.kw_only) for each in dataclasses.fields(it)],
    lambda it: (copy.copy(it), copy.deepcopy(it), copy.deepcopy(it) == it),
    lambda it: (it.twice, it.kinds, it.__match_args__, type(it).__name__),
    lambda it: getattr(it, "__slots__", None),
    lambda it: len({it, copy.copy(it)}),
    lambda it: it < it,
)


def said(ask: Callable[[], object]) -> str:
    """The answer, or what it raised."""
    try:
        return repr(ask())
    except (TypeError, AttributeError) as error:
        return f"{type(error).__name__}: {error}"


def by_position(made_class: Any, *values: object) -> Any:
    return made_class(*values)


def by_name(made_class: Any, *values: object) -> Any:
    return made_class(**dict(zip(("size", "sides", "name", "_seen"), values, strict=False)))


@pytest.mark.parametrize("options", KINDS, ids=str)
def test_it_is_the_standard_librarys(options: dict[str, bool]) -> None:
    """Objects are made, shown, compared, hashed, copied and replaced as the standard library's are."""
    call = by_name if options.get("kw_only") else by_position
    theirs = answers(made(dataclasses.dataclass, options), call)
    assert answers(made(ours.dataclass, options), call) == theirs


def test_a_call_is_refused_in_the_same_words() -> None:
    """What is missing, too much or unknown is said as Python says it."""
    calls: tuple[Callable[[Any], object], ...] = (
        lambda each: each(),
        lambda each: each(1, [], "x", 4, {}, 6),
        lambda each: each(1, [], unknown=1),
        lambda each: each(-1, []),
    )
    ways = [made(dataclass, SLOTS)[0] for dataclass in (dataclasses.dataclass, ours.dataclass)]
    for call in calls:
        theirs, here = (said(lambda call=call, each=each: call(each)) for each in ways)
        assert here == theirs


def test_what_is_frozen_stays() -> None:
    """A field of a frozen object can be neither set nor deleted."""
    shape = made(ours.dataclass, SLOTS)[0](1, [])
    with pytest.raises(FrozenInstanceError):
        shape.size = 2
    with pytest.raises(FrozenInstanceError):
        shape.unknown = 2
    with pytest.raises(FrozenInstanceError):
        del shape.size


class Theirs(NamedTuple):
    """A point."""

    x: int
    y: "int | None" = None
    names: tuple[str, ...] = ()
    """Of people."""

    @property
    def twice(self) -> int:
        return self.x * 2

    @classmethod
    def of(cls, x: int) -> "Theirs":
        return cls(x)

    def __str__(self) -> str:
        return f"<{self.x}>"


class Ours(ours.NamedTuple):
    """A point."""

    x: int
    y: "int | None" = None
    names: tuple[str, ...] = ()
    """Of people."""

    @property
    def twice(self) -> int:
        return self.x * 2

    @classmethod
    def of(cls, x: int) -> "Ours":
        return cls(x)

    def __str__(self) -> str:
        return f"<{self.x}>"


class Plain(ours.NamedTuple):
    x: int


def test_a_named_tuple_is_the_standard_librarys() -> None:
    """It is made, shown, compared, copied, pickled and looked into as the standard library's is."""
    asked: tuple[Callable[[Any], object], ...] = (
        lambda kind: kind(1, y=2),
        lambda kind: (str(kind(1)), kind.of(3), kind(1).twice, kind(x=1) == (1, None, ())),
        lambda kind: (kind._fields, kind._field_defaults, kind._make([1, 2, 3]), kind(1)._replace(y=5)),
        lambda kind: (kind(1)._asdict(), [*kind(1, 2)], hash(kind(1)), {kind(1): 1}),
        lambda kind: (copy.deepcopy(kind(1)), pickle.loads(pickle.dumps(kind(1)))),
        lambda kind: (kind.__doc__, kind.__module__, kind.__bases__, kind.__match_args__, kind.__slots__),
        lambda kind: (get_type_hints(kind), list(inspect.signature(kind).parameters)),
        lambda kind: kind(),
        lambda kind: kind(1, 2, 3, 4),
        lambda kind: setattr(kind(1), "x", 2),
        lambda kind: kind(1).unknown,
    )
    for ask in asked:
        theirs, here = (said(lambda ask=ask, kind=kind: ask(kind)) for kind in (Theirs, Ours))
        assert here.replace("Ours", "Theirs") == theirs
    assert (Plain.__doc__, repr(Plain(1))) == ("Plain(x,)", "Plain(x=1)")
