"""Training of embeddings on simulated spectra."""
