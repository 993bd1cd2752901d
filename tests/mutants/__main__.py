"""`python -m tests.mutants`: good specs, changed at random, are validated. None crashes, none takes ten seconds.

Prints what fails, with the text of the mutant; `--only NUMBER` tries one again. The same seed gives the same mutants.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

from tests.mutants.trial import Nursery, Result

_CORPUS = Path(__file__).parents[1] / "corpus" / "specs"
_AT_ONCE = 50
_SHOWN = 3000  # characters of a mutant's text


def main() -> int:
    options = _options()
    numbers = [options.only] if options.only is not None else list(range(options.count))
    lots = [numbers[at : at + _AT_ONCE] for at in range(0, len(numbers), _AT_ONCE)]
    valid = failed = 0
    slowest = 0.0
    with ProcessPoolExecutor(options.workers) as pool:
        for results in pool.map(_tried, lots, [options.seed] * len(lots)):
            for result in results:
                valid += result.is_valid
                slowest = max(slowest, result.seconds)
                if result.trouble:
                    failed += 1
                    _show(result, options.seed)
    print(f"{len(numbers)} mutants: {valid} valid, {failed} failed; the slowest took {slowest:.1f} s")
    return int(failed > 0)


def _tried(numbers: list[int], seed: int) -> list[Result]:
    with tempfile.TemporaryDirectory(prefix="batchspec-mutants-") as folder:
        nursery = Nursery(Path(folder) / "project", seed)
        return list(map(nursery.trial, numbers))


def _show(result: Result, seed: int) -> None:
    again = f"python -m tests.mutants --seed {seed} --only {result.number}"
    kept = _CORPUS / f"mutant-{seed}-{result.number}.yaml"
    kept.write_text(result.text, "utf-8", errors="surrogateescape")
    print(f"kept as {kept}: give it a name that says what was wrong")
    print(f"--- {result.spec}: {again}\n{result.text[:_SHOWN]!r}\n{result.trouble}")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.mutants", description=__doc__)
    parser.add_argument("--count", type=int, default=3000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", type=int, metavar="NUMBER")
    parser.add_argument("--workers", type=int, default=2)
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
