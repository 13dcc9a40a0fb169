"""Fields with next to nothing in them go through the whole chain without a numeric warning."""

import numpy as np
import pytest

import napari_gdls as gdls
from napari_gdls import EnergyAxis, Field
from napari_gdls.errors import GdlsError
from napari_gdls.recipe import METHODS

AXIS = EnergyAxis(0, 20, 500)


def spectra(n, *, kinds=2, mean=2000.0, seed=0):
    """Counts of one or two minerals with a few lines."""
    rng = np.random.default_rng(seed)
    energy = AXIS.centers
    lines = [np.exp(-0.5 * ((energy - centre) / 50) ** 2) for centre in (525, 1254, 1740, 3690, 6400)]
    shapes = np.array([[5, 3, 4, 0, 2], [5, 0, 6, 3, 0]]) @ np.array(lines) + 0.02
    rate = shapes[np.arange(n) * kinds // n] if n else shapes[:0]
    return rng.poisson(rate / rate.sum(axis=1, keepdims=True) * mean).astype(np.uint16)


def dense(height, width, *, bse=None, **options):
    locations = np.argwhere(np.ones((height, width), bool))
    image = np.random.default_rng(1).integers(9000, 30000, (height, width)).astype(np.uint16) if bse is None else bse
    counts = options.pop("counts", spectra(len(locations)))
    return Field(image, counts, locations, AXIS, beam_energy=20, **options)


def sampled(*locations):
    bse = np.random.default_rng(1).integers(9000, 30000, (9, 11)).astype(np.uint16)
    return Field(bse, spectra(len(locations)), np.array(locations), AXIS, sampling_distance=3)


FIELDS = {
    "one pixel": lambda: dense(1, 1),
    "one row": lambda: dense(1, 60),
    "one column": lambda: dense(60, 1),
    "two pixels": lambda: dense(1, 2),
    "two rows": lambda: dense(2, 30),
    "one measurement": lambda: sampled((4, 4)),
    "two measurements": lambda: sampled((1, 1), (7, 9)),
    "measurements on a line": lambda: sampled((1, 1), (4, 4), (7, 7)),
    "constant BSE": lambda: dense(8, 8, bse=np.full((8, 8), 500, np.uint16)),
    "black BSE": lambda: dense(8, 8, bse=np.zeros((8, 8), np.uint8)),
    "float BSE of 0 and 1": lambda: dense(8, 8, bse=np.eye(8), bse_full_scale=1.0),
    "equal spectra": lambda: dense(8, 8, counts=np.tile(spectra(1), (64, 1))),
    "one count each": lambda: dense(8, 8, counts=np.eye(64, AXIS.size, 80, dtype=np.uint8)),
    "many counts": lambda: dense(8, 8, counts=spectra(64).astype(np.int64) * 100_000 + 1),
    "one valid pixel": lambda: Field(
        np.zeros((5, 5), np.uint8), spectra(1), [[2, 2]], AXIS, valid=np.arange(25).reshape(5, 5) == 12
    ),
}
RUNS = [(name, {"method": name}) for name in METHODS]
RUNS += [("walker", {"labelling": "walker"}), ("drift", {"drift": "correct"})]


@pytest.mark.filterwarnings("error:::numpy", "error:::scipy", "error::RuntimeWarning")
@pytest.mark.parametrize("changes", [changes for _, changes in RUNS], ids=[name for name, _ in RUNS])
@pytest.mark.parametrize("kind", FIELDS)
def test_next_to_nothing_makes_labels_or_one_error(kind, changes):
    field = FIELDS[kind]()
    try:
        labels = gdls.segment(field, **changes).labels
    except GdlsError as error:
        assert len(str(error)) > 20  # noqa: PT017  (either outcome is right)
    else:
        assert labels.shape == field.shape
        assert (labels[~field.valid] == 0).all()
        assert labels.max() >= 1
