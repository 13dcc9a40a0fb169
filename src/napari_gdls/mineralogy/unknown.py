"""Whether a spectrum is of a material that the library lacks.

The best answer of a library always looks good beside the others. Whether it is good by itself is another question: how
far are the masses and the shape off, against what the physics, the surface and the counts can do? How rare is what
would have to be there, and do several answers share what one should have? A logistic model of these answers it. Its
coefficients were fitted on simulated spectra with wrong physics, rough surfaces and tape, half of them of materials
that the library held, half of materials that had been taken out of it with all their neighbours
(``python -m benchmarks.mineralogy.unknown``). The prior then makes strangers as rare as they are.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

PRIOR_ODDS = 0.5
"""Odds of a material that the library lacks, with many counts. A choice: one in three is more than there are in most
rocks, and as careful as a name should be."""

HALF_OF_THE_ODDS = 3000.0
"""Counts with which the prior odds are half as large: few counts cannot show that a material is strange, and a spread
over many names already says how little is known."""

TAPE_FROM, TAPE_TO, TAPE_ODDS = 0.15, 0.4, 0.4
"""Foreign carbon as a part of all masses, more than a coating has, and as much as particles on tape show; and the
factor of the prior odds of the latter. Their surfaces are rough, which spoils the masses of what the library holds."""

COEFFICIENTS = {
    "intercept": 2.475,
    "root misfit": 2.809,
    "misfit": -0.368,
    "root misfit, few counts": 0.206,
    "few counts": -0.006,
    "unlikeness": 0.557,
    "elements": -0.272,
    "commonness": -0.187,
    "concentration": -2.907,
}
"""Of the logistic model, in nats per unit of `UnknownEvidence.terms`."""

_ENOUGH = 1e4
"""Counts from which on more of them change nothing here: the physics limits."""

_SHAPE_NOISE = 60 / 8
"""Unlikeness of two equal shapes times the counts: an eighth of the bins that are not empty, about 60."""

_MOST_MISFIT = 11.5
"""Nats of misfit beyond which the model does not go on: there it would fall again."""

_LEAST_UNLIKENESS = 3e-4
"""Of shapes: less is not resolved."""


@dataclass(frozen=True)
class UnknownEvidence:
    """What speaks for a material that the library lacks.

    Attributes
    ----------
    misfit : float
        Of the masses of the best material, in nats: what its likelihood falls short of a perfect one.
    elements : int
        That are present, of those that are compared.
    counts : float
        Of the spectrum.
    unlikeness : float
        Of the shapes: minus the logarithm of the Bhattacharyya coefficient.
    log_prior : float
        Of the best material.
    concentration : float
        Share of the first answer in all that have a name, 0 to 1.
    foreign_carbon : float
        Carbon beyond that of the best material, as a part of all masses.
    """

    misfit: float
    elements: int
    counts: float
    unlikeness: float
    log_prior: float
    concentration: float
    foreign_carbon: float = 0.0

    def terms(self) -> dict[str, float]:
        """What the coefficients belong to."""
        few = min(math.log(max(self.counts, 1.0) / _ENOUGH), 0.0)
        excess = max(self.unlikeness - _SHAPE_NOISE / max(self.counts, 1.0), 0.0)
        misfit = min(self.misfit, _MOST_MISFIT)
        return {
            "intercept": 1.0,
            "root misfit": math.sqrt(misfit),
            "misfit": misfit,
            "root misfit, few counts": few * math.sqrt(misfit),
            "few counts": few,
            "unlikeness": math.log(excess + _LEAST_UNLIKENESS),
            "elements": float(self.elements),
            "commonness": self.log_prior,
            "concentration": self.concentration,
        }

    @property
    def probability(self) -> float:
        """Of a material that the library lacks."""
        odds = sum(COEFFICIENTS[name] * value for name, value in self.terms().items())
        odds += math.log(self.prior_odds) if self.counts > 0 else -math.inf
        return 1 / (1 + math.exp(-min(max(odds, -_SURE), _SURE)))

    @property
    def prior_odds(self) -> float:
        """Of a material that the library lacks, before anything but counts and carbon is seen."""
        tape = min(max((self.foreign_carbon - TAPE_FROM) / (TAPE_TO - TAPE_FROM), 0.0), 1.0)
        return PRIOR_ODDS * self.counts / (self.counts + HALF_OF_THE_ODDS) * math.pow(TAPE_ODDS, tape)


_SURE = 30.0
"""Nats beyond which a probability is 0 or 1 to all digits that are shown."""
