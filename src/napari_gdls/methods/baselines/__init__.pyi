from .grey_ranges import bse_ranges as bse_ranges
from .grey_regions import bse_only as bse_only
from .multichannel_watershed import watershed as watershed
from .pixel_classes import pixelwise as pixelwise
