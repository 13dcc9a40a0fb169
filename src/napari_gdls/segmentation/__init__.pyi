from .files import write_labels as write_labels
from .picture import segmentation_picture as segmentation_picture
from .result import Segmentation as Segmentation
from .tables import phase_merge_table as phase_merge_table
from .tables import phase_table as phase_table
from .tables import segment_table as segment_table
