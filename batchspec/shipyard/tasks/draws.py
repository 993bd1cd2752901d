"""The values of a random task factory. With a seed they are those that Batch Shipyard drew."""

from __future__ import annotations

from collections.abc import Callable
from random import Random

from batchspec.errors import UsageError
from batchspec.shipyard.reading.settings import Settings

_DISTRIBUTIONS: dict[str, tuple[str, tuple[str, ...]]] = {
    "uniform": ("uniform", ("a", "b")),
    "triangular": ("triangular", ("low", "high", "mode")),
    "beta": ("betavariate", ("alpha", "beta")),
    "exponential": ("expovariate", ("lambda",)),
    "gamma": ("gammavariate", ("alpha", "beta")),
    "gauss": ("gauss", ("mu", "sigma")),
    "lognormal": ("lognormvariate", ("mu", "sigma")),
    "pareto": ("paretovariate", ("alpha",)),
    "weibull": ("weibullvariate", ("alpha", "beta")),
}


MOST_DRAWS = 100_001  # one more than there may be tasks


def drawn(factory: Settings) -> list[int | float]:
    """As many numbers as the factory generates; the same ones at each call, also without a seed."""
    seed = factory.take("seed", factory.where)
    if not isinstance(seed, (int, float, str)):
        raise UsageError(f"{factory.where}.seed: {seed!r} is neither a number nor a text")
    generator = Random(seed)  # noqa: S311 - a sweep, not a secret
    draw = _draw(factory, generator)
    try:
        return [draw() for _ in range(min(factory.whole("generate", 1), MOST_DRAWS))]
    except (TypeError, ValueError, ArithmeticError) as error:
        raise UsageError(f"{factory.where}: nothing can be drawn: {error}") from None


def _draw(factory: Settings, generator: Random) -> Callable[[], int | float]:
    whole = factory.inside("integer")
    if whole:
        start, stop, step = (
            int(whole.take(name, default)) for name, default in (("start", 0), ("stop", 1), ("step", 1))
        )
        return lambda: generator.randrange(start, stop, step)
    distribution = factory.inside("distribution")
    for name, (method, parameters) in _DISTRIBUTIONS.items():
        if name in distribution.names():
            values = [distribution.inside(name).take(parameter) for parameter in parameters]
            return lambda: getattr(generator, method)(*values)
    raise UsageError(f"{factory.where} has neither `integer` nor a known `distribution`")
