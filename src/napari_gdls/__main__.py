"""``python -m napari_gdls`` is the command line."""

from napari_gdls.cli import main

main()
