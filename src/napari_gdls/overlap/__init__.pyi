from .channels import AnalysisChannels as AnalysisChannels
from .channels import analysis_channels as analysis_channels
from .component_number import ComponentEvidence as ComponentEvidence
from .component_number import component_evidence as component_evidence
from .decomposition import Decomposition as Decomposition
from .decomposition import decompose as decompose
from .recipe import UnmixingRecipe as UnmixingRecipe
