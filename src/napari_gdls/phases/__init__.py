"""Phases: which segments are of one material, and what of a measurement is of which."""
