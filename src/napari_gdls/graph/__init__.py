"""The planar graph of the measurements, and how it falls into segments (paper, section 3.6)."""

from napari_gdls.graph.components import cut_by_thresholds
from napari_gdls.graph.construction import build_graph, nearest_measurement
from napari_gdls.graph.field_calibration import calibrate_on_field
from napari_gdls.graph.measurement_graph import MeasurementGraph

__all__ = ["MeasurementGraph", "build_graph", "calibrate_on_field", "cut_by_thresholds", "nearest_measurement"]
