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


def drawn(factory: Settings, most: int) -> list[int | float]:
    """As many numbers as the factory generates, at *most*; the same ones at each call, also without a seed."""
    seed = factory.take("seed", factory.where)
    if not isinstance(seed, (int, float, str)):
        raise UsageError(f"{factory.where}.seed: {seed!r} is neither a number nor a text")
    generator = Random(seed)  # noqa: S311 - a sweep, not a secret
    draw = _draw(factory, generator)
    try:
        return [draw() for _ in range(min(factory.whole("generate", 1), most))]
    except (TypeError, ValueError, ArithmeticError) as error:
        raise UsageError(f"{factory.where}: nothing can be drawn: {error}") from None


def _draw(factory: Settings, generator: Random) -> Callable[[], int | float]:
    whole = factory.inside("integer")
    if whole:
        start, stop, step = whole.whole("start"), whole.whole("stop", 1), whole.whole("step", 1)
        return lambda: generator.randrange(start, stop, step)
    distribution = factory.inside("distribution")
    for name, (method, parameters) in _DISTRIBUTIONS.items():
        if name in distribution.names():
            values = [distribution.inside(name).take(parameter) for parameter in parameters]
            return lambda: getattr(generator, method)(*values)
    raise UsageError(f"{factory.where} has neither `integer` nor a known `distribution`")
