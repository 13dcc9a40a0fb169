"""Where the coefficients of `napari_gdls.mineralogy.unknown` come from: ``python -m benchmarks.mineralogy.unknown``.

Half of the cases are specimens that the library holds (those whose name is right), half the same specimens with their
own material and its neighbours taken out. Takes some ten minutes.
"""

from __future__ import annotations

import sys

import numpy as np
import numpy.typing as npt

from benchmarks.mineralogy.naming import CHOOSING_SEEDS, cases, is_right, without
from napari_gdls.mineralogy import naming_library
from napari_gdls.mineralogy.naming import weigh
from napari_gdls.mineralogy.unknown import COEFFICIENTS

NUMBER = 240
"""Specimens of a seed."""

REGULARISATION = 0.1
"""Of the coefficients, in units of standardised terms: they are many and correlated."""


def terms(number: int = NUMBER) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.bool_]]:
    """Terms of the model, a row for each case, and whether the material had been taken out."""
    library = naming_library()
    rows, gone = [], []
    for seed in CHOOSING_SEEDS:
        for case in cases(number, seed):
            fit = case.composition.fit
            held = weigh(fit, library)
            if is_right(case.specimen, library)[held.answers[0].species[0]]:
                rows.append(list(held.evidence_of_unknown().terms().values()))
                gone.append(False)
            rows.append(list(weigh(fit, without(library, case.specimen)).evidence_of_unknown().terms().values()))
            gone.append(True)
    return np.array(rows), np.array(gone)


def fitted(rows: npt.NDArray[np.float64], gone: npt.NDArray[np.bool_]) -> dict[str, float]:
    """Coefficients of the logistic model; both kinds of cases weigh alike."""
    from sklearn.linear_model import LogisticRegression

    mean, scale = rows[:, 1:].mean(axis=0), rows[:, 1:].std(axis=0)
    model = LogisticRegression(C=1 / REGULARISATION, max_iter=10_000, class_weight="balanced")
    model.fit((rows[:, 1:] - mean) / scale, gone)
    slopes = model.coef_[0] / scale
    return dict(zip(COEFFICIENTS, [float(model.intercept_[0] - slopes @ mean), *slopes.tolist()], strict=True))


def main() -> int:
    rows, gone = terms()
    for name, value in fitted(rows, gone).items():
        print(f'    "{name}": {value:.3f},')
    return 0


if __name__ == "__main__":
    sys.exit(main())
