"""Scores of segmentations against a known truth (paper, section 4.2)."""

from __future__ import annotations

from napari_gdls.evaluation.scores import Scores, evaluate

__all__ = ["Scores", "evaluate"]
