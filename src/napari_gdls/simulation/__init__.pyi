from .backscatter import backscatter_coefficient as backscatter_coefficient
from .disturbances import Disturbances as Disturbances
from .fields import simulate_field as simulate_field
from .rock import ROCK as ROCK
from .rock import RockMineral as RockMineral
from .texture import Texture as Texture
from .texture import rock_texture as rock_texture
from .thin_section import simulate_overlapping as simulate_overlapping
