from .channels import AnalysisChannels as AnalysisChannels
from .channels import analysis_channels as analysis_channels
from .recipe import UnmixingRecipe as UnmixingRecipe
