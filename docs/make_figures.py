"""Draw the pictures of the documentation that need no screen: ``python docs/make_figures.py``."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from scipy.ndimage import distance_transform_edt
from skimage.io import imsave

import napari_gdls as gdls
from napari_gdls.cli import DEMO_THRESHOLDS
from napari_gdls.picture import segmentation_picture
from napari_gdls.spectra import Disturbances, element_map

IMAGES = Path(__file__).parent / "images"


def main() -> None:
    """Write ``dacite.png``, ``thresholds.png`` and ``simulated.png``."""
    IMAGES.mkdir(exist_ok=True)
    draw_dacite()
    draw_simulated()


def draw_dacite() -> None:
    """BSE beside segments; and segments for three values of tau_z."""
    field = gdls.sample_field("dacite")
    result = gdls.segment(field, **DEMO_THRESHOLDS)
    picture = segmentation_picture(result)
    imsave(IMAGES / "dacite.png", picture)
    panels = []
    for tau_z in (1.2, 2.0, 2.8):
        again = gdls.segment(
            field, embedding=result.embedding, graph=result.graph, tau_b=DEMO_THRESHOLDS["tau_b"], tau_z=tau_z
        )
        print(f"tau_z = {tau_z}: {again.n_segments} segments")
        panels.append(segmentation_picture(again)[:, -picture.shape[1] // 2 + 6 :])
    gap = np.full((len(picture), 12, 3), 255, np.uint8)
    imsave(IMAGES / "thresholds.png", np.concatenate([panels[0], gap, panels[1], gap, panels[2]], axis=1))


def draw_simulated() -> None:
    """Phases, BSE image, total counts and iron of a simulated field."""
    from matplotlib import colormaps
    from matplotlib import pyplot as plt
    from matplotlib.colors import PowerNorm
    from matplotlib.patches import Patch

    disturbances = Disturbances(zoning=0.6, charging=4.0, charged_area=0.08, grain_tilt=4.0, counts_spread=0.1)
    field = gdls.simulate_field((160, 220), seed=12, dots="tima", grain_size=22.0, disturbances=disturbances)
    rows, columns = field.locations.T
    # Each pixel shows the measurement nearest to it.
    measured = np.zeros(field.shape, dtype=bool)
    measured[rows, columns] = True
    nearest = tuple(distance_transform_edt(~measured, return_distances=False, return_indices=True))
    counts = np.zeros(field.shape)
    counts[rows, columns] = field.total_counts

    figure, axes = plt.subplots(2, 2, figsize=(11, 8.6), layout="constrained")
    names = field.metadata["phase_names"]
    colours = colormaps["tab20"](np.arange(len(names)))
    axes[0, 0].imshow(colours[field.metadata["truth_phases"] - 1])
    axes[0, 0].plot(columns, rows, ".", color="black", markersize=0.8)
    handles = [Patch(color=colour, label=name) for name, colour in zip(names, colours, strict=True)]
    figure.legend(handles=handles, ncols=5, loc="outside lower center", frameon=False, fontsize=9)
    darkest, brightest = np.percentile(field.bse, (1, 98))
    axes[0, 1].imshow(field.bse, cmap="gray", norm=PowerNorm(0.6, darkest, brightest, clip=True))
    for axis, image, title in (
        (axes[1, 0], counts[nearest], "Total counts"),
        (axes[1, 1], element_map(field, "Fe")[nearest], "Counts of Fe K\u03b1"),
    ):
        figure.colorbar(axis.imshow(image, cmap="viridis"), ax=axis, shrink=0.8)
        axis.set_title(title)
    axes[0, 0].set_title("True phases, and where spectra were measured")
    axes[0, 1].set_title("BSE image")
    for axis in axes.flat:
        axis.set_axis_off()
    figure.savefig(IMAGES / "simulated.png", dpi=100)
    plt.close(figure)


if __name__ == "__main__":
    main()
