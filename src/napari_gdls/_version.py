"""Version of napari-gdls."""

__version__ = "0.1.0"
