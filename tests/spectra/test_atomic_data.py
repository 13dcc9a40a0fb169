# ruff: noqa: RUF001  (Siegbahn names are written with Greek letters)
import numpy as np
import pytest

from napari_gdls.errors import GdlsError
from napari_gdls.materials.composition import atomic_number
from napari_gdls.spectra.atomic import (
    SUBSHELLS,
    characteristic_lines,
    k_absorption_share,
    mass_absorption,
    siegbahn_name,
    subshells,
)


def line_energy(symbol, name):
    lines = characteristic_lines()
    (at,) = [i for i in np.flatnonzero(lines.element == atomic_number(symbol) - 1) if lines.name[i] == name]
    return lines.energy[at]


# Bearden (1967), Rev. Mod. Phys. 39:78, and X-ray Data Booklet, table 1-2.
@pytest.mark.parametrize(
    ("symbol", "name", "energy"),
    [
        ("C", "K-L3", 277),
        ("O", "K-L3", 524.9),
        ("Na", "K-L3", 1041),
        ("Si", "K-L3", 1740),
        ("S", "K-L3", 2307.8),
        ("Ca", "K-L3", 3691.7),
        ("Fe", "K-L3", 6403.8),
        ("Fe", "K-M3", 7058),
        ("Fe", "L3-M5", 705),
        ("Zr", "L3-M5", 2042.4),
        ("Ba", "L3-M5", 4466.3),
        ("La", "M5-N7", 833),
        ("Eu", "M4-N6", 1153),
        ("Au", "M5-N7", 2122.9),
        ("Pb", "L3-M5", 10551.5),
        ("U", "M5-N7", 3170.8),
    ],
)
def test_line_energies(symbol, name, energy):
    assert line_energy(symbol, name) == pytest.approx(energy, abs=max(2.0, 5e-4 * energy))


def test_lines_are_consistent():
    lines = characteristic_lines()
    edges = subshells().edge[lines.element, lines.subshell]
    assert (lines.energy < edges + 6).all()  # tables of edges and of lines differ by a few eV
    assert (lines.rate > 0).all()
    for element in (13, 25, 55, 57, 62, 78):
        for name in ("K", "L2", "L3", "M4", "M5"):
            own = (lines.element == element) & (lines.subshell == SUBSHELLS.index(name))
            assert not own.any() or lines.rate[own].sum() == pytest.approx(1, abs=0.05), (element, name)


def test_every_element_from_boron_has_lines():
    assert set(characteristic_lines().element) == set(range(4, 94))


def test_rare_earths_decay_mainly_from_4f():
    lines = characteristic_lines()
    for z in range(57, 72):
        m5 = (lines.element == z - 1) & (lines.subshell == SUBSHELLS.index("M5"))
        from_4f = m5 & np.isin(lines.name, ["M5-N6", "M5-N7"])
        assert lines.rate[from_4f].sum() > 0.8 * lines.rate[m5].sum()


def test_yields_rise_with_atomic_number():
    k = subshells().fluorescence_yield[4:, 0]
    assert (np.diff(k) > 0).all()
    assert k[26 - 5] == pytest.approx(0.35, abs=0.02)  # Fe, Krause (1979)
    m5 = subshells().fluorescence_yield[:, SUBSHELLS.index("M5")]
    assert (m5[47:94] > 0).all()


def test_siegbahn_names():
    assert siegbahn_name("K-L3") == "Kα1"
    assert siegbahn_name("L3-M5") == "Lα1"
    assert siegbahn_name("M1-N2") == ""


def test_absorption_has_the_known_size_and_jumps_at_edges():
    silicon = mass_absorption([524.9, 1000, 1830, 1850, 5000])[13]
    np.testing.assert_allclose(silicon, [8157, 1567, 309, 3193, 243], rtol=0.03)
    below, above = mass_absorption([999.9, 1000.1])[:, [0]], mass_absorption([999.9, 1000.1])[:, [1]]
    changed = np.abs(above / below - 1)[5:92]
    assert np.median(changed) < 0.01  # the two tables meet
    assert np.quantile(changed, 0.95) < 0.05
    with pytest.raises(GdlsError, match="50 to 100,000 eV"):
        mass_absorption([10.0])


def test_k_shell_takes_most_of_the_absorption():
    share = k_absorption_share()
    assert share[25] == pytest.approx(0.88, abs=0.02)  # Fe
    assert ((share >= 0) & (share < 1)).all()
