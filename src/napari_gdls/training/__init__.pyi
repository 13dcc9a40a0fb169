from .adaptation import FittedInstrument as FittedInstrument
from .adaptation import fit_instrument as fit_instrument
from .config import TrainingConfig as TrainingConfig
from .config import available_recipes as available_recipes
from .config import load_config as load_config
from .families import TrainingMaterials as TrainingMaterials
from .trainer import train as train
