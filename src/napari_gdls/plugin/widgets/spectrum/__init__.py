"""The dock of spectra."""
