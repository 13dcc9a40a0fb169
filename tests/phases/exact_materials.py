"""Materials for which everything is known in closed form.

A spectrum is a handful of windows, and its embedding the square roots of the shares of its counts. For Poisson counts
the noise of such a vector follows from the number of windows alone, so the scale of the differences is known exactly.
"""

import numpy as np

from napari_gdls import EnergyAxis, Field, build_graph
from napari_gdls.embedding import Calibration
from napari_gdls.embedding.calibration import MEAN_SQUARE_NOISE
from napari_gdls.phases.difference import Scale
from napari_gdls.phases.neighbourhood import Neighbourhood
from napari_gdls.phases.sums import Pool

N_WINDOWS = 12
AXIS = EnergyAxis(250, 100, N_WINDOWS)

# The square root of a share p of n counts has variance (1 - p) / 4n, whatever p is: (W - 1) / 4n in all.
CALIBRATION = Calibration(c=float(np.sqrt((N_WINDOWS - 1) / 4 / 1000 / MEAN_SQUARE_NOISE)))


def embed(spectra):
    shares = np.sqrt(np.asarray(spectra, dtype=np.float64))
    return shares / np.maximum(np.linalg.norm(shares, axis=-1, keepdims=True), 1e-12)


def difference(p, q):
    """D of two materials, without noise."""
    return float(np.linalg.norm(embed(p) - embed(q)) / CALIBRATION.c / np.sqrt(2))


def material_at(p, wanted, seed=0):
    """A material that differs from p by a wanted D."""
    other = np.random.default_rng(seed).dirichlet(np.ones(N_WINDOWS))
    low, high = 0.0, 1.0
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if difference(p, (1 - middle) * p + middle * other) < wanted else (low, middle)
    return (1 - high) * p + high * other


def materials(n, seed=0, sharpness=1.0):
    return np.random.default_rng(seed).dirichlet(np.full(N_WINDOWS, sharpness), n)


def pool_of(counts, *, size=None, bse=None):
    counts = np.asarray(counts, dtype=np.int64)
    return Pool(
        counts,
        embed(counts),
        np.full(len(counts), 10) if size is None else np.asarray(size),
        np.full(len(counts), 0.3) if bse is None else np.asarray(bse, dtype=np.float64),
    )


def scale_of(tau_z=0.3, height=45.0, dispersion=0.0, f=0.0):
    return Scale(Calibration(CALIBRATION.c, f), dispersion, height, tau_z)


def lattice(shape, spectra=None, bse=None):
    """A field measured at every pixel, its graph and neighbourhood."""
    n = shape[0] * shape[1]
    field = Field(
        np.full(shape, 20_000, np.uint16) if bse is None else bse,
        np.ones((n, N_WINDOWS), np.uint16) if spectra is None else spectra,
        np.argwhere(np.ones(shape, bool)),
        AXIS,
    )
    graph = build_graph(field, np.ones((n, 1)))
    return field, graph, Neighbourhood.of(field, graph)
