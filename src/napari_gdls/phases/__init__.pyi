from .constraints import Constraints as Constraints
from .measurement_phases import MeasurementPhases as MeasurementPhases
from .merge_candidates import PhaseMerge as PhaseMerge
from .merge_candidates import phase_merges as phase_merges
from .modal import Modal as Modal
from .modal import modal_composition as modal_composition
from .search import find_phases as find_phases
