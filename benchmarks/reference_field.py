"""The fields that benchmarks run on."""

from __future__ import annotations

import imageio.v3 as iio
import numpy as np
from scipy.ndimage import median_filter

from benchmarks import SHARED_DATA
from napari_gdls import EnergyAxis, Field, simulate_field
from napari_gdls.simulation import RockMineral, rock_texture

# Minerals by brightness on the BSE image of the authors: each third is painted on pixels of one class.
_DARK = ("quartz", "SiO2"), ("orthoclase", "K0.85Na0.15AlSi3O8"), ("plagioclase", "Na0.6Ca0.4Al1.4Si2.6O8")
_MIDDLE = ("muscovite", "KAl3Si3O10(OH)2"), ("calcite", "CaCO3"), ("apatite", "Ca5(PO4)3F")
_BRIGHT = ("almandine", "Fe2.3Mg0.5Ca0.2Al2Si3O12"), ("ilmenite", "FeTiO3"), ("magnetite", "Fe3O4")
_CLASS_LIMITS = (12400, 20000)  # 16-bit values between the classes: by eye, from the histogram of the image
_MINERALS = [RockMineral(name, formula, 1.0) for name, formula in (*_DARK, *_MIDDLE, *_BRIGHT)]

COARSE_AXIS = EnergyAxis(offset=200.0, width=40.0, size=384)


def example_field(*, counts: float = 1000.0, crop: int | None = None) -> tuple[Field, str]:
    """Field like the example of the authors, 500 x 500 px with 31,766 dots, and a line that says what it is.

    With the public data at hand BSE image and dots are theirs, and spectra of nine minerals are painted on: the
    brightness picks three of them, simulated grains one of the three. Otherwise everything is simulated.
    """
    folder = SHARED_DATA / "reference"
    if not (folder / "bse.png").is_file():
        size = crop or 500
        field = simulate_field((size, size), seed=1, counts=counts, spacing=2.806, grain_size=14.0)
        return field, "simulated BSE, dots and spectra (the authors' example field is not at hand)"
    bse, mask = (iio.imread(folder / name)[:crop, :crop] for name in ("bse.png", "pixelmask.png"))
    brightness = np.digitize(median_filter(bse, 3), _CLASS_LIMITS).astype(np.int32)
    grains = rock_texture(bse.shape, _MINERALS[:3], seed=1, grain_size=14.0)
    field = simulate_field(
        seed=1,
        counts=counts,
        minerals=_MINERALS,
        texture=3 * brightness + grains.phases,
        bse=bse,
        locations=np.argwhere(mask),
        name="example",
    )
    return field, "BSE image and dots of the authors' example field, simulated spectra"


def large_field(size: int = 2000) -> Field:
    """Field of 2,000 x 2,000 px with 304,704 dots of 1,000 counts, on coarse channels to spare memory."""
    return simulate_field((size, size), seed=2, spacing=3.62, energy=COARSE_AXIS, grain_size=20.0, name="large")
