"""From labelled measurements to a label for every pixel (paper, section 3.7)."""

from napari_gdls.labelling.local_walker import label_with_confidence
from napari_gdls.labelling.random_walker import label_pixels
from napari_gdls.labelling.regions import connected_regions, segments_of_labels

__all__ = ["connected_regions", "label_pixels", "label_with_confidence", "segments_of_labels"]
