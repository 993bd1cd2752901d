"""Our dataclass is the standard library's: whatever is asked of an object, both give the same answer."""

import copy
import dataclasses
import itertools
from collections.abc import Callable
from dataclasses import FrozenInstanceError, field
from typing import Any, ClassVar

import pytest

from batchspec import dataclass as ours

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
