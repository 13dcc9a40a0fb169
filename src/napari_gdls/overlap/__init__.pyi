from .channels import AnalysisChannels as AnalysisChannels
from .channels import analysis_channels as analysis_channels
from .decomposition import Decomposition as Decomposition
from .decomposition import decompose as decompose
from .recipe import UnmixingRecipe as UnmixingRecipe
