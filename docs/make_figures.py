"""Draw the pictures of the documentation that need no screen: ``python docs/make_figures.py``."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from skimage.io import imsave

import napari_gdls as gdls
from napari_gdls.cli import DEMO_THRESHOLDS
from napari_gdls.picture import segmentation_picture

IMAGES = Path(__file__).parent / "images"


def main() -> None:
    """Write ``dacite.png`` (BSE beside segments) and ``thresholds.png`` (segments for three values of tau_z)."""
    IMAGES.mkdir(exist_ok=True)
    field = gdls.sample_field("dacite")
    result = gdls.segment(field, **DEMO_THRESHOLDS)
    picture = segmentation_picture(result)
    imsave(IMAGES / "dacite.png", picture)
    panels = []
    for tau_z in (0.9, 1.1, 1.5):
        again = gdls.segment(
            field, embedding=result.embedding, graph=result.graph, tau_b=DEMO_THRESHOLDS["tau_b"], tau_z=tau_z
        )
        print(f"tau_z = {tau_z}: {again.n_segments} segments")
        panels.append(segmentation_picture(again)[:, -picture.shape[1] // 2 + 6 :])
    gap = np.full((len(picture), 12, 3), 255, np.uint8)
    imsave(IMAGES / "thresholds.png", np.concatenate([panels[0], gap, panels[1], gap, panels[2]], axis=1))


if __name__ == "__main__":
    main()
