"""Methods of segmentation: one row of the registry each."""
