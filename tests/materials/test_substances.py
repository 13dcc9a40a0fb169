from __future__ import annotations

import pytest

from napari_gdls.materials import MaterialError, load_substances, mass_fractions_of


def test_oxides_become_elements() -> None:
    fractions = mass_fractions_of({"SiO2": 60.0, "MgO": 40.0})
    assert sum(fractions.values()) == pytest.approx(1)
    assert fractions["Mg"] == pytest.approx(0.4 * 24.305 / 40.304, rel=1e-3)


def test_masses_that_are_none() -> None:
    with pytest.raises(MaterialError, match="positive"):
        mass_fractions_of({"SiO2": -1.0, "MgO": 2.0})
    with pytest.raises(MaterialError, match="positive"):
        mass_fractions_of({"SiO2": 0.0})


def test_table() -> None:
    substances = {s.name: s for s in load_substances()}
    assert len(substances) == len(load_substances()) > 200
    assert {s.kind for s in substances.values()} == {"glass", "alloy", "other"}
    for substance in substances.values():
        assert sum(substance.mass_fractions.values()) == pytest.approx(1)
        if ";" in substance.composition:
            stated = sum(float(part.split()[1]) for part in substance.composition.split(";"))
            assert 96 < stated < 103, substance.name
        assert substance.density is None or 0.8 < substance.density < 23
    assert substances["stainless steel 304"].mass_fractions["Cr"] == pytest.approx(0.187, abs=0.002)
    assert substances["soda-lime glass, float"].mass_fractions["Si"] == pytest.approx(0.339, abs=0.003)
    assert substances["epoxy resin"].mass_fractions["C"] == pytest.approx(0.735, abs=0.001)
