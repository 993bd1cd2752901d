"""`dataclass` and `NamedTuple` as the standard library has them, but made in a quarter and half of the time.

Python 3.11 and 3.12 compile six functions for each frozen dataclass, which takes some 0.6 ms, and the annotations of
each NamedTuple: together a sixth of `validate`, which makes 80 of them. Here a dataclass gets only its `__init__`
compiled, its other functions look the fields up, and annotations stay text. What is made is the same, to type checkers
and to `fields`, `replace` and `asdict`; `tests/test_classes.py` holds it against the standard library's.
"""

from __future__ import annotations

import dataclasses
import sys
from collections import namedtuple
from collections.abc import Callable
from dataclasses import MISSING, Field, FrozenInstanceError
from operator import attrgetter
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dataclasses import dataclass as dataclass
else:

    def dataclass(*, frozen: bool = False, **options: bool) -> Callable[[type], type]:
        if frozen and options.keys() <= {"slots", "kw_only"}:
            return lambda plain: _frozen(plain, **options)
        return dataclasses.dataclass(frozen=frozen, **options)


if TYPE_CHECKING or sys.version_info >= (3, 14):  # where annotations are not looked at before somebody asks
    from typing import NamedTuple as NamedTuple
else:

    class _Named(type):
        def __new__(cls, name: str, bases: tuple[type, ...], members: dict[str, Any]) -> type:
            if not bases:
                return super().__new__(cls, name, bases, members)
            hints = members.pop("__annotations__", {})
            defaults = [members.pop(field) for field in hints if field in members]
            made = namedtuple(name, hints, defaults=defaults, module=members.pop("__module__"))
            made.__annotations__ = made.__new__.__annotations__ = hints
            for member, value in members.items():
                setattr(made, member, value)
            return made

    class NamedTuple(metaclass=_Named):
        pass


_Fields = tuple[Field[Any], ...]


def _frozen(plain: type, **options: bool) -> type:
    plain.__doc__ = plain.__doc__ or plain.__name__  # else the signature is looked up, to be written there
    made: Any = dataclasses.dataclass(init=False, repr=False, eq=False, **options)(plain)
    fields = dataclasses.fields(made)
    made.__init__ = _init(fields, hasattr(made, "__post_init__"))
    made.__init__.__qualname__ = f"{made.__qualname__}.__init__"  # which Python names when a call is wrong
    state = _STATE if "__slots__" in vars(made) else ()
    for function in (*_comparison(fields), __repr__, __setattr__, __delattr__, *state):
        if function.__name__ not in vars(made):
            setattr(made, function.__name__, function)
    return made  # type: ignore[no-any-return]


def _init(fields: _Fields, is_followed: bool) -> Callable[..., None]:
    """The one function that is called too often to look the fields up: its text names them."""
    names: dict[str, Any] = {"_set": object.__setattr__, "_unset": object()}
    positional, by_name, lines = ["self"], ["*"], ["pass"]
    for field in fields:
        name = value = parameter = field.name
        if field.default_factory is not MISSING:
            names[f"_make_{name}"] = field.default_factory
            value, parameter = f"_make_{name}() if {name} is _unset else {name}", f"{name}=_unset"
        elif field.default is not MISSING:
            names[f"_default_{name}"] = field.default
            parameter = f"{name}=_default_{name}"
        (by_name if field.kw_only else positional).append(parameter)
        lines.append(f"_set(self, {name!r}, {value})")
    lines += ["self.__post_init__()"] if is_followed else []
    parameters = ", ".join(positional + (by_name if by_name[1:] else []))
    exec(f"def __init__({parameters}):\n " + "\n ".join(lines), names)  # noqa: S102
    return names["__init__"]  # type: ignore[no-any-return]


def _comparison(fields: _Fields) -> tuple[Callable[..., Any], ...]:
    compared = attrgetter("__class__", *(field.name for field in fields if field.compare))

    def __eq__(self: object, other: object) -> bool:
        return compared(self) == compared(other) if other.__class__ is self.__class__ else NotImplemented

    def __hash__(self: object) -> int:
        return hash(compared(self))

    return __eq__, __hash__


def __repr__(self: Any) -> str:
    values = (
        f"{field.name}={getattr(self, field.name)!r}" for field in dataclasses.fields(self) if field.repr
    )
    return f"{type(self).__qualname__}({', '.join(values)})"


def __setattr__(_self: object, name: str, _value: object) -> None:
    raise FrozenInstanceError(f"cannot assign to field {name!r}")


def __delattr__(_self: object, name: str) -> None:
    raise FrozenInstanceError(f"cannot delete field {name!r}")


def __getstate__(self: Any) -> list[object]:
    """What a copy is made of, where there are only slots."""
    return [getattr(self, field.name) for field in dataclasses.fields(self)]


def __setstate__(self: Any, state: list[object]) -> None:
    for field, value in zip(dataclasses.fields(self), state, strict=True):
        object.__setattr__(self, field.name, value)


_STATE = (__getstate__, __setstate__)
