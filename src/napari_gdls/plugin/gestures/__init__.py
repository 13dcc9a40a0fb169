"""Corrections by the mouse and by keys: what a stroke on the segments means, and the tools that draw it."""
