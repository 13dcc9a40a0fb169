"""The dock of scatter and ternary plots."""
