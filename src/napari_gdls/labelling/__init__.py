"""From labelled measurements to a label for every pixel (paper, section 3.7)."""

from napari_gdls.labelling.random_walker import label_pixels

__all__ = ["label_pixels"]
