"""Sample fields that come with the package."""

from __future__ import annotations

from pathlib import Path
from types import MappingProxyType

from napari_gdls.errors import GdlsError
from napari_gdls.field import Field

SAMPLES = MappingProxyType(
    {
        "dacite": "Real: a dacite, 75 x 100 px, about 5,600 X-ray counts at every pixel",
        "dacite-fast": "Real: the same area measured for a short time, about 100 X-ray counts per pixel",
        "synthetic": "Simulated: a garnet-mica gneiss, 256 x 256 px, 1,000 counts at a dot every 3 px, truth known",
        "overlapping": "Simulated: a thin film, grains over one another, 128 x 128 px, 200 counts a pixel, truth known",
    }
)
"""Names of the sample fields, and what each is."""


def sample_field(name: str = "dacite") -> Field:
    """Load a sample field.

    Parameters
    ----------
    name : str
        One of `SAMPLES`.

    Returns
    -------
    Field
        "synthetic" carries its truth, ``metadata["truth"]``: (H, W) int32, see `napari_gdls.simulate_field`.
        "overlapping", a STEM-EDS map at 200 kV, carries that of `napari_gdls.simulation.simulate_overlapping`.

    Raises
    ------
    GdlsError
        If there is no such sample, or its file is missing from the installation.

    Examples
    --------
    >>> sample_field("synthetic").shape
    (256, 256)
    """
    if name not in SAMPLES:
        raise GdlsError(f"no sample field is called {name!r}; there are {', '.join(SAMPLES)}.")
    if name == "synthetic":
        from napari_gdls.simulation.disturbances import Disturbances
        from napari_gdls.simulation.fields import simulate_field

        return simulate_field((256, 256), seed=20, dots="tima", disturbances=Disturbances(zoning=0.6), name=name)
    if name == "overlapping":
        from napari_gdls.simulation.thin_section import simulate_overlapping

        return simulate_overlapping((128, 128), system="mantle", counts=200.0, seed=20, name=name)
    from napari_gdls.io import read_field

    return read_field(_sample_file(name))


def _sample_file(name: str) -> Path:
    """Where the native store of a sample lies: in the installed package, or beside the sources of a checkout."""
    package = Path(__file__).resolve().parent
    candidates = [folder / "sample_data" / f"{name}.gdls.zarr.zip" for folder in (package, package.parents[1])]
    for candidate in candidates:
        if candidate.exists():
            return candidate
    raise GdlsError(
        f"the file of the sample {name!r} is missing: it is neither {candidates[0]} nor {candidates[1]}; "
        "install napari-gdls again."
    )
