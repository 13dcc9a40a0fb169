"""Scores of segmentations against a known truth (paper, section 4.2)."""

from __future__ import annotations

from napari_gdls.evaluation.scores import Scores, evaluate
from napari_gdls.evaluation.sweep import Sweep, SweepPoint, sweep, sweep_field

__all__ = ["Scores", "evaluate", "Sweep", "SweepPoint", "sweep", "sweep_field"]
