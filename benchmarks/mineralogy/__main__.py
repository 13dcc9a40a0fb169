"""Names and compositions, judged: ``python -m benchmarks.mineralogy [--quick]``.

Prints, in this order: compositions of standards, where their spectra are there; names of simulated spectra whose
physics is not that of the simulator, on specimens that no constant was chosen on, with the calibration of the stated
probabilities and what becomes of materials that the library lacks; other methods on the same spectra; coordinates in
solid solutions; names of the standards.
"""

from __future__ import annotations

import argparse
import sys

from benchmarks.machine import machine
from benchmarks.mineralogy import compositions, naming, solid_solutions, standards

NUMBER, QUICK_NUMBER = 150, 30
"""Specimens."""


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.mineralogy", description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help=f"{QUICK_NUMBER} specimens, no other methods")
    parser.add_argument("--seed", type=int, default=naming.REPORTED_SEED, help="of the specimens")
    parser.add_argument("--number", type=int, default=None, help=f"of specimens; default: {NUMBER}")
    options = parser.parse_args(arguments)
    print(machine())
    number = options.number or (QUICK_NUMBER if options.quick else NUMBER)
    compositions.report()
    naming.report(number, options.seed, peers=not options.quick)
    solid_solutions.report(solid_solutions.QUICK_NUMBER if options.quick else solid_solutions.NUMBER)
    standards.report()
    return 0


if __name__ == "__main__":
    sys.exit(main())
