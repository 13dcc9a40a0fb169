"""From spectra to unit vectors whose distances tell materials apart (paper, sections 3.3 to 3.5)."""

from napari_gdls.embedding.cache import EmbeddingCache
from napari_gdls.embedding.calibration import Calibration
from napari_gdls.embedding.inference import embed
from napari_gdls.embedding.models import Embedding, available_embeddings, load_embedding

__all__ = [
    "Calibration",
    "Embedding",
    "EmbeddingCache",
    "available_embeddings",
    "embed",
    "load_embedding",
]
