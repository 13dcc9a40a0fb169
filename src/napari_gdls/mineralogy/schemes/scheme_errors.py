"""What is wrong with a scheme."""

from napari_gdls.errors import GdlsError


class SchemeError(GdlsError, ValueError):
    """A scheme cannot be read, or not be applied to what was measured."""
