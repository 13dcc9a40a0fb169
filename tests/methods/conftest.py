"""Small simulated fields of known truth that the tests of the baselines share."""

import numpy as np
import pytest

from napari_gdls import Field, simulate_field


@pytest.fixture(scope="session")
def rock() -> Field:
    """A gneiss of 14 minerals with a dot every 3 px."""
    return simulate_field((120, 120), seed=3, dots="tima")


@pytest.fixture(scope="session")
def dense_rock() -> Field:
    """The same kind of rock, measured at every pixel for a short time."""
    return simulate_field((80, 80), seed=4, dense=True, counts=300)


@pytest.fixture(scope="session")
def holed_rock() -> Field:
    """A rock with a hole and an edge of resin, and without dots in one corner."""
    field = simulate_field((100, 100), seed=5)
    valid = np.ones(field.shape, dtype=bool)
    valid[30:50, 40:70] = False
    valid[:, 92:] = False
    bse = np.where(valid, field.bse, 0)
    rows, columns = field.locations.T
    kept = valid[rows, columns] & ~((rows > 80) & (columns < 20))
    return Field(
        bse,
        field.spectra[kept],
        field.locations[kept],
        field.energy,
        valid=valid,
        sampling_distance=3.0,
        beam_energy=25.0,
        metadata=field.metadata,
    )


def halves(minerals, grey=(16000, 16000), *, shape=(60, 60), counts=1000.0, seed=0):
    """A field of two halves with given mean grey values, and noise."""
    texture = np.zeros(shape, dtype=np.int32)
    texture[:, shape[1] // 2 :] = 1
    noise = np.random.default_rng(seed).normal(0, 150, shape)
    bse = np.clip(np.array(grey)[texture] + noise, 0, 65535).astype(np.uint16)
    return simulate_field(minerals=minerals, texture=texture, bse=bse, counts=counts, seed=seed)


@pytest.fixture(scope="session")
def equal_grey() -> Field:
    """Quartz beside albite, of one grey value."""
    return halves({"quartz": "SiO2", "albite": "NaAlSi3O8"})


@pytest.fixture(scope="session")
def equal_spectra() -> Field:
    """One mineral, half of it darker."""
    return halves({"quartz": "SiO2", "also quartz": "SiO2"}, grey=(16000, 19000))


@pytest.fixture(scope="session")
def two_halves():
    """The function that makes a field of two halves."""
    return halves
