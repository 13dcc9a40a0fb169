"""The dock of overlapping phases, a module for each of its steps."""
