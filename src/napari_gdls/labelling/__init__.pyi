from .graph_cut import binary_cut as binary_cut
from .graph_cut import expand_labels as expand_labels
from .local_walker import label_with_confidence as label_with_confidence
from .random_walker import label_pixels as label_pixels
from .regions import connected_regions as connected_regions
from .regions import segments_of_labels as segments_of_labels
