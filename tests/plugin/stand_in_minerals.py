"""What `identify` returns, made up: for tests of those who show it."""

from __future__ import annotations

from types import MappingProxyType, SimpleNamespace

from napari_gdls.energy import EnergyAxis
from napari_gdls.errors import GdlsError
from napari_gdls.mineralogy.composition import Composition
from napari_gdls.mineralogy.identification import Candidate, Coordinate, Identification
from napari_gdls.mineralogy.instrument import Instrument
from napari_gdls.mineralogy.spectrum_fit import Artefact
from napari_gdls.segmentation import BY_MEASUREMENT, PhaseName
from napari_gdls.spectra import Detector

NAMES = ("plagioclase", "biotite", "quartz", "unknown")
COMPOSITION = {"O": 46.6, "Si": 25.0, "Al": 15.9, "Ca": 6.9, "Na": 5.6}
INSTRUMENT = Instrument(20.0, 35.0, EnergyAxis(offset=0.0, width=20.0, size=512), Detector())


def composition() -> Composition:
    """That of an andesine, with a coat of carbon."""
    artefacts = (Artefact("coating", ("C",), "Carbon of a coating was left out."),)
    return Composition(
        mass_percent=dict(COMPOSITION),
        error={symbol: 0.05 * percent for symbol, percent in COMPOSITION.items()},
        counting_error=dict.fromkeys(COMPOSITION, 0.1),
        atomic_percent={"O": 61.5, "Si": 18.8, "Al": 12.4, "Ca": 3.6, "Na": 5.1},
        oxide_percent={"SiO2": 53.5},
        detection_limit=dict.fromkeys([*COMPOSITION, "K"], 0.08),
        oxygen="stoichiometric",
        measured_oxygen=44.1,
        net_areas=dict.fromkeys(COMPOSITION, 1000.0),
        standards={"Ca": "K411"},
        misfit=1.1,
        artefacts=artefacts,
        fit=SimpleNamespace(instrument=INSTRUMENT),
    )


def identification(name: str, probability: float) -> Identification:
    """A name, and what else it could be."""
    candidates = (
        Candidate(name, probability, "feldspar", "(Ca,Na)(Al,Si)4O8", ("labradorite",), misfit={"Na": -0.4, "Ca": 0.2}),
        Candidate("scapolite", 0.9 * (1 - probability), "scapolite", misfit={"Na": 2.1, "Cl": -4.2, "Ca": 0.1}),
        Candidate("unknown", 0.1 * (1 - probability)),
    )
    coordinates = (Coordinate("An", 0.41, 0.03, 0.35, 0.47),) if name == "plagioclase" else ()
    return Identification(candidates, composition(), coordinates)


def row(phase: int, name: str, probability: float) -> SimpleNamespace:
    """A row of a table of phases."""
    found = identification(name, probability)
    quantities = {"Si [wt%]": 25.0, "An": 0.41, "An error": 0.03} if name == "plagioclase" else {"Si [wt%]": 25.0}
    formula = None
    if name == "plagioclase":
        formula = SimpleNamespace(
            text="(Ca0.41Na0.58)(Al1.41Si2.59)O8",
            basis=8.0,
            atoms={"Ca": 0.41, "Na": 0.58, "Al": 1.41, "Si": 2.59},
            errors={"Ca": 0.02, "Na": 0.04, "Al": 0.03, "Si": 0.03},
            end_members={"anorthite": 0.41, "albite": 0.59},
            end_member_errors={"anorthite": 0.03, "albite": 0.03},
            doubts=("OH is not measured.",),
        )
    return SimpleNamespace(
        phase=phase,
        identification=found,
        composition=found.composition,
        formula=formula,
        name=PhaseName(
            name,
            probability,
            BY_MEASUREMENT,
            ("labradorite",) if name == "plagioclase" else (),
            "feldspar",
            details=f"Si 25.0 wt%\nalso scapolite {1 - probability:.2f}",
            quantities=MappingProxyType(quantities),
        ),
        mixture_of=(),
        reason="Named from its pure part." if name == "biotite" else "",
    )


def minerals(segmentation, names=NAMES, probability: float = 0.93) -> SimpleNamespace:
    """A table of phases that are named in turn."""
    rows = tuple(row(k, names[k % len(names)], probability) for k in range(segmentation.n_phases))
    return SimpleNamespace(
        rows=rows,
        names=tuple(each.name for each in rows),
        could_be_one=(SimpleNamespace(text="plagioclase: phases 1 and 3 could be one"),),
        segmentation=segmentation,
        instrument=INSTRUMENT,
    )


class StandIn:
    """Takes the place of `minerals_of`, and notes what it was asked.

    Attributes
    ----------
    asked : list of (int, str, float)
        Number of phases, library and beam energy of each call.
    names : tuple of str
    error : Exception or None
        To be raised.
    held : bool
        It does not return while this is so; cancelling ends it.
    cancelled : int
        Calls that were.
    """

    def __init__(self) -> None:
        self.asked: list[tuple[int, str, float]] = []
        self.names = NAMES
        self.error: Exception | None = None
        self.held = False
        self.cancelled = 0

    def __call__(self, segmentation, library, beam_energy, known, progress):
        import time

        self.asked.append((segmentation.n_phases, library, beam_energy))
        try:
            progress("names", 0.1)
            while self.held:
                progress("names", 0.5)
                time.sleep(0.005)
        except GdlsError:
            self.cancelled += 1
            raise
        if self.error is not None:
            raise self.error
        return minerals(segmentation, self.names)
