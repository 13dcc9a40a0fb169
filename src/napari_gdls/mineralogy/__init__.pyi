from .resolution import SeparatedDifference as SeparatedDifference
from .resolution import distance_of_materials as distance_of_materials
from .resolution import tau_z_in_words as tau_z_in_words
