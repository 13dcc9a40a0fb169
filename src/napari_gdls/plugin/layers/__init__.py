"""Fields and results as napari layers."""
