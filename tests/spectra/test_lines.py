"""Energies, windows and maps of the elements' lines."""

from __future__ import annotations

import numpy as np
import pytest

from napari_gdls.elements import SYMBOLS
from napari_gdls.energy import EnergyAxis
from napari_gdls.errors import GdlsError
from napari_gdls.field import Field
from napari_gdls.materials.formula import composition_of
from napari_gdls.simulation import simulate_overlapping
from napari_gdls.spectra import Detector, element_map, element_window, line_energy, main_lines, simulate_spectra


# X-Ray Data Booklet (LBNL 2009), table 1-2, in eV.
@pytest.mark.parametrize(
    ("element", "line", "expected"),
    [
        ("C", "Ka", 277.0),
        ("O", "Ka1", 524.9),
        ("Si", "Ka1", 1739.98),
        ("Ca", "Ka1", 3691.68),
        ("Fe", "Ka1", 6403.84),
        ("Fe", "Ka2", 6390.84),
        ("Fe", "Kb1", 7057.98),
        ("Fe", "La1", 705.0),
        ("Zr", "La1", 2042.36),
        ("Ba", "La1", 4466.26),
        ("Ce", "Ma1", 883.0),
        ("Au", "La1", 9713.3),
        ("Au", "Ma1", 2122.9),
        ("Pb", "Lb1", 12613.7),
        ("Pb", "Ma1", 2345.5),
    ],
)
def test_energies_against_the_data_booklet(element: str, line: str, expected: float) -> None:
    assert line_energy(element, line) == pytest.approx(expected, abs=3)


def test_line_names() -> None:
    assert line_energy("Fe") == line_energy("Fe", "Ka1") == line_energy("Fe", "K-L3") == line_energy("Fe", "K\u03b11")
    assert line_energy("Fe", "Ln") == line_energy("Fe", "L\u03b7") == line_energy("Fe", "L2-M1")
    assert line_energy("Fe", "Ka2") < line_energy("Fe", "Ka") < line_energy("Fe", "Ka1")
    assert line_energy("Fe", "Ka") == pytest.approx(6399.5, abs=0.5)


# The lines that maps are commonly made of; Fe at 10 kV lacks overvoltage on K, and the L lines of Cu, Zn and As lie
# among Na, Mg and Al.
@pytest.mark.parametrize(
    ("beam_energy", "expected"),
    [
        (10, {"Si": "Ka", "Ti": "Ka", "Fe": "La", "Zr": "La", "Pb": "Ma"}),
        (15, {"Fe": "Ka", "Cu": "Ka", "As": "La", "Ba": "La", "W": "Ma"}),
        (
            25,
            {"O": "Ka", "Fe": "Ka", "Zn": "Ka", "As": "Ka", "Sr": "La", "Mo": "La", "Ce": "La", "Au": "Ma", "U": "Ma"},
        ),
    ],
)
def test_windows_lie_on_the_usual_lines(beam_energy: float, expected: dict[str, str]) -> None:
    for element, line in expected.items():
        assert np.mean(element_window(element, beam_energy=beam_energy)) == pytest.approx(line_energy(element, line))


def test_every_element_has_a_window_or_a_reason() -> None:
    without = []
    for element in SYMBOLS[:92]:
        try:
            low, high = element_window(element)
        except GdlsError:
            without.append(element)
        else:
            assert 100 < low < high < 15000, element
    assert without == ["H", "He", "Li", "Be"]


def test_window_width() -> None:
    low, high = element_window("Mn")
    assert high - low == pytest.approx(1.2 * 128, abs=0.3)
    low, high = element_window("C")
    assert 65 < high - low < 75
    assert element_window("Fe", width=100.0, line="Ka1") == pytest.approx((6353.9, 6453.9), abs=0.5)


def test_window_holds_the_stated_part_of_the_line() -> None:
    axis = EnergyAxis(0.0, 1.0, 20000)
    low, high = element_window("Fe", line="Ka1")
    profile = Detector().response([line_energy("Fe", "Ka1")], axis)[0]
    assert profile[axis.window(low, high)].sum() / profile.sum() == pytest.approx(0.842, abs=0.005)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: line_energy("Xy"), "'Xy' is no element"),
        (lambda: line_energy("Fe", "Q7"), "Fe has no line 'Q7'; it has Ka"),
        (lambda: line_energy("Si", "La1"), "Si has no line 'La1'"),
        (lambda: line_energy("Li"), "Li has no X-ray line above 100 eV"),
        (lambda: element_window("Pb", line="Ka"), "25 keV does not excite Pb Ka, which needs 88.00 keV"),
        (lambda: element_window("H"), "no X-ray line of H"),
        (lambda: main_lines("Be"), "no X-ray line of Be"),
        (lambda: main_lines("Fe", beam_energy=500.0), "from 2 to 400 keV"),
        (lambda: element_window("Fe", width=0.0), "width is 0.0"),
        (lambda: element_window("Fe", beam_energy=-5.0), "beam energy is -5.0"),
    ],
)
def test_errors_name_the_problem(call: object, message: str) -> None:
    with pytest.raises(GdlsError, match=message):
        call()  # type: ignore[operator]


def test_main_lines() -> None:
    lines = main_lines("Fe")
    assert [line.name for line in lines][:3] == ["Ka", "La", "Kb"]
    assert lines[0].weight == 1
    assert [line.weight for line in lines] == sorted((line.weight for line in lines), reverse=True)
    assert {line.name[0] for line in main_lines("Fe", beam_energy=6)} == {"L"}
    # The ratio of K-beta to K-alpha hardly depends on anything.
    weights = {line.name: line.weight for line in lines}
    assert weights["Kb"] == pytest.approx(0.136, abs=0.01)
    assert len(main_lines("Pb", smallest=0.001)) > len(main_lines("Pb", smallest=0.1))


def field_of(compositions: list[str], energy: EnergyAxis, beam_energy: float | None = 25.0) -> Field:
    materials = [composition_of(formula) for formula in compositions]
    spectra = np.rint(simulate_spectra(materials, energy=energy, counts=100_000))
    places = [(0, 2 * i) for i in range(len(compositions))]
    bse = np.zeros((1, 2 * len(compositions)), np.uint16)
    return Field(bse, spectra.astype(np.uint16), places, energy, sampling_distance=2.0, beam_energy=beam_energy)


def test_element_map_sums_the_window() -> None:
    energy = EnergyAxis(0.0, 10.0, 3000)
    field = field_of(["Fe2O3", "SiO2", "FeS2"], energy)
    iron = element_map(field, "Fe")
    assert iron.shape == (1, 6)
    assert np.isnan(iron[0, 1::2]).all()
    low, high = element_window("Fe")
    inside = (energy.centers >= low) & (energy.centers < high)
    spectra = field.spectra.toarray() if hasattr(field.spectra, "toarray") else field.spectra
    np.testing.assert_array_equal(iron[0, ::2], spectra[:, inside].sum(axis=1))
    assert iron[0, 0] > iron[0, 4] > 20 * iron[0, 2]


def test_element_map_keeps_to_the_axis_of_the_field() -> None:
    short = field_of(["FeAsS", "SiO2"], EnergyAxis(0.0, 10.0, 900))
    # The K line of arsenic, its best at 25 kV, lies at 10.5 keV.
    np.testing.assert_array_equal(element_map(short, "As"), element_map(short, "As", line="La"))
    with pytest.raises(GdlsError, match="reaches beyond the spectra, which run from -5 to 8995 eV"):
        element_map(short, "As", line="Ka")
    with pytest.raises(GdlsError, match="reaches beyond the spectra"):
        element_map(field_of(["SiO2", "C"], EnergyAxis(500.0, 10.0, 900)), "C")


def test_element_map_takes_the_beam_energy_of_the_field() -> None:
    field = field_of(["Fe2O3", "SiO2"], EnergyAxis(0.0, 10.0, 3000), beam_energy=8.0)
    np.testing.assert_array_equal(element_map(field, "Fe"), element_map(field, "Fe", line="La"))


def test_transmission_microscopes_have_windows_too() -> None:
    low, high = element_window("Fe", beam_energy=200.0)
    assert low < line_energy("Fe") < high
    assert np.mean(element_window("Pb", line="Ka", beam_energy=200.0)) == pytest.approx(74_600, rel=0.01)


@pytest.mark.parametrize(("element", "first"), [("Si", "Ka"), ("Fe", "Ka"), ("Nd", "La"), ("Hf", "Ma"), ("U", "Ma")])
def test_beams_of_transmission_microscopes_have_lines(element: str, first: str) -> None:
    line = element_window(element, beam_energy=200.0)
    assert line == element_window(element, line=first, beam_energy=200.0)
    assert main_lines(element, 200.0)[0].weight == 1
    assert main_lines(element, 300.0) != main_lines(element, 200.0)


def test_maps_of_elements_in_films() -> None:
    field = simulate_overlapping((24, 24), counts=300.0, seed=1)
    calcium = element_map(field, "Ca")
    truth = field.metadata["truth"]
    with_calcium = truth["presence"]["Ca-perovskite"]
    assert calcium[with_calcium].mean() > 5 * calcium[~with_calcium].mean()
