from .cache import EmbeddingCache as EmbeddingCache
from .calibration import Calibration as Calibration
from .inference import embed as embed
from .models import Embedding as Embedding
from .models import available_embeddings as available_embeddings
from .models import load_embedding as load_embedding
