"""Dock widgets and their parts."""
