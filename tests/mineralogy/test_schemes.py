"""Rule schemes: what they hold, how they are read, and which minerals land where."""

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_gdls.elements import SYMBOLS
from napari_gdls.materials import find_mineral, load_minerals
from napari_gdls.mineralogy import Composition, Scheme, read_scheme, scheme_from_json, scheme_of, scheme_quantities
from napari_gdls.mineralogy.oxygen import oxide_percent
from napari_gdls.mineralogy.schemes.quantities import parse_quantity
from napari_gdls.mineralogy.schemes.scheme import UNCLASSIFIED
from napari_gdls.mineralogy.schemes.scheme_errors import SchemeError
from napari_gdls.mineralogy.sought_elements import SOUGHT
from napari_gdls.spectra.atomic import atomic_weights

SILICATE, SULPHIDE = read_scheme("silicate_rock"), read_scheme("sulphide_ore")

FELDSPARS = ("albite", "oligoclase", "andesine", "labradorite", "bytownite", "anorthite")
EXPECTED = {
    "silicate_rock": {
        **dict.fromkeys(FELDSPARS, "plagioclase"),
        **dict.fromkeys(("orthoclase", "microcline", "sanidine"), "K-feldspar"),
        **dict.fromkeys(("hematite", "magnetite", "goethite"), "iron oxide"),
        **dict.fromkeys(("calcite", "aragonite"), "calcite"),
        **dict.fromkeys(("baryte", "siderite", "dolomite", "zircon", "titanite", "staurolite", "cordierite"), ""),
        **dict.fromkeys(("anhydrite", "gypsum"), "gypsum or anhydrite"),
        **dict.fromkeys(("forsterite", "fayalite", "olivine"), "olivine"),
        **dict.fromkeys(("andalusite", "sillimanite", "kyanite"), "Al2SiO5 polymorph"),
        **dict.fromkeys(("pyrope", "almandine", "grossular", "andradite", "spessartine"), "garnet"),
        **dict.fromkeys(("epidote", "clinozoisite"), "epidote"),
        **dict.fromkeys(("schorl", "dravite"), "tourmaline"),
        **dict.fromkeys(("enstatite", "hypersthene"), "orthopyroxene"),
        **dict.fromkeys(("diopside", "augite"), "clinopyroxene"),
        **dict.fromkeys(("clinochlore", "chamosite"), "chlorite"),
        **dict.fromkeys(("lizardite", "antigorite"), "serpentine"),
        **dict.fromkeys(("tremolite", "actinolite", "hornblende", "magnesio-hornblende", "pargasite"), "amphibole"),
        **dict.fromkeys(("phlogopite", "annite", "biotite"), "biotite"),
        **dict.fromkeys(("muscovite", "phengite", "illite"), "white mica"),
        "ankerite": "dolomite",
        **dict.fromkeys(("quartz", "aegirine", "wollastonite", "talc", "kaolinite", "nepheline"), ""),
        **dict.fromkeys(("ilmenite", "chromite", "rutile", "halite", "fluorite", "spinel", "pyrite", "pyrrhotite"), ""),
        "fluorapatite": "apatite",
        "allanite-(Ce)": "allanite",
        "monazite-(Ce)": "monazite",
        "montmorillonite": "smectite",
        "gibbsite": "aluminium hydroxide or corundum",
    },
    "sulphide_ore": {
        **dict.fromkeys(("galena", "sphalerite", "pyrrhotite", "pentlandite", "pyrite", "arsenopyrite", "bornite"), ""),
        **dict.fromkeys(("chalcopyrite", "cobaltite", "covellite", "enargite", "stibnite", "molybdenite"), ""),
        **dict.fromkeys(("cinnabar", "baryte", "quartz", "fluorite", "siderite"), ""),
        **dict.fromkeys(("chalcocite", "digenite"), "chalcocite or digenite"),
        **dict.fromkeys(("tetrahedrite-(Fe)", "tetrahedrite-(Zn)"), "tetrahedrite"),
        **dict.fromkeys(("tennantite-(Fe)", "tennantite-(Zn)"), "tennantite"),
        **dict.fromkeys(("albite", "almandine", "clinochlore"), "silicates"),
        **dict.fromkeys(("calcite", "dolomite"), "carbonates"),
        **dict.fromkeys(("gold", "electrum"), "native gold or electrum"),
        "marmatite": "sphalerite",
        "marcasite": "pyrite",
        "silver": "native silver",
        "copper": "native copper",
        "magnetite": "iron oxide",
        "gypsum": "gypsum or anhydrite",
    },
}
"""Class by mineral; "" where it has the mineral's name."""


def composition(mass_percent: dict[str, float], **given: Any) -> Composition:
    """A composition without a spectrum."""
    total = sum(mass_percent.values())
    mass = {symbol: 100 * percent / total for symbol, percent in mass_percent.items()}
    moles = {symbol: percent / atomic_weights()[SYMBOLS.index(symbol)] for symbol, percent in mass.items()}
    parts: dict[str, Any] = {
        "mass_percent": mass,
        "error": {symbol: 0.03 * percent for symbol, percent in mass.items()},
        "counting_error": {symbol: 0.01 * percent for symbol, percent in mass.items()},
        "atomic_percent": {symbol: 100 * value / sum(moles.values()) for symbol, value in moles.items()},
        "oxide_percent": oxide_percent(mass) if mass.get("O", 0) > 15 else {},
        "detection_limit": dict.fromkeys(("O", "Na", "Mg", "Al", "Si", "S", "K", "Ca", "Ti", "Fe", "Cu", "Zn"), 0.3),
        "oxygen": "measured",
        "measured_oxygen": mass.get("O", 0.0),
        "net_areas": {symbol: 100 * percent for symbol, percent in mass.items()},
        "standards": {},
        "misfit": 1.0,
        "artefacts": (),
        "fit": None,
    }
    return Composition(**{**parts, **given})


def of_mineral(name: str) -> Composition:
    """The composition of a mineral as EDS sees it: no H, no B; carbon where it is a carbonate's."""
    fractions = find_mineral(name).formula.mass_fractions
    return composition({symbol: 100 * value for symbol, value in fractions.items() if symbol in SOUGHT})


def scheme_text(**changes: Any) -> str:
    parts: dict[str, Any] = {
        "format": "napari-gdls scheme",
        "version": 1,
        "name": "mine",
        "classes": [{"name": "quartz", "conditions": [{"quantity": "Si [wt%]", "min": 40, "max": 50}]}],
    }
    return json.dumps({**parts, **changes}, indent=1)


def with_condition(**condition: Any) -> str:
    return scheme_text(classes=[{"name": "a", "conditions": [condition]}])


@pytest.mark.parametrize(
    ("scheme", "mineral", "expected"),
    [(scheme, mineral, wanted or mineral) for scheme, wants in EXPECTED.items() for mineral, wanted in wants.items()],
)
def test_minerals_land_in_their_classes(scheme, mineral, expected):
    match = read_scheme(scheme).classify(scheme_quantities(of_mineral(mineral)))
    assert match.name == expected, match.reasons
    assert match.reasons
    # What EDS cannot tell from epidote is a garnet with as much Ca.
    assert match.others == (("garnet",) if mineral == "epidote" else ())


def test_every_rock_forming_mineral_has_a_class_in_an_example():
    missing = {
        mineral.name
        for mineral in load_minerals()
        if mineral.commonness == 1 and not any(mineral.name in wants for wants in EXPECTED.values())
    }
    assert missing == {"graphite"}  # carbon is taken for coating


@pytest.mark.parametrize("mineral", ["gold", "cassiterite", "chalcopyrite", "scheelite", "graphite"])
def test_what_no_class_holds_is_unclassified_with_reasons(mineral):
    match = SILICATE.classify(scheme_quantities(of_mineral(mineral)))
    assert match.name == UNCLASSIFIED
    assert match.reasons
    assert all(reason.startswith("not ") for reason in match.reasons)


@given(st.dictionaries(st.sampled_from(["O", "Na", "Mg", "Al", "Si", "Ca", "Fe", "S"]), st.floats(0.5, 99), min_size=1))
def test_any_composition_has_an_answer_whose_rules_hold(mass):
    quantities = scheme_quantities(composition(mass))
    for scheme in (SILICATE, SULPHIDE):
        match = scheme.classify(quantities)
        assert (match.name == UNCLASSIFIED) == (not any(kind.holds(quantities) for kind in scheme.classes))
        if match.name != UNCLASSIFIED:
            (kind,) = [kind for kind in scheme.classes if kind.name == match.name]
            assert kind.holds(quantities)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("Si [wt%]", 46.74),
        ("SiO2 [wt%]", 100.0),
        ("O [at%]", 66.67),
        ("Si [at% O-free]", 100.0),
        ("Si / O [at%]", 0.5),
        ("Si/(Si + O) [at%]", 1 / 3),
        ("Al + Si [wt%]", 46.74),
        ("Si [area%]", 46.74),
        ("Na / K [at%]", math.nan),
        ("BSE", 0.25),
    ],
)
def test_quantities_of_quartz(text, value):
    quantities = scheme_quantities(of_mineral("quartz"), bse=0.25)
    assert float(parse_quantity(text).of(quantities)) == pytest.approx(value, abs=0.01, nan_ok=True)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("Si", "square brackets"),
        ("Si [%]", "unit"),
        ("Xx [wt%]", "neither an element nor an oxide"),
        ("Fe2O3 [wt%]", "neither an element nor an oxide"),
        ("SiO2 [at%]", "wt% only"),
        ("Si + Al2O3 [wt%]", "mixes"),
        ("Mg / Mg + Fe [at%]", "brackets"),
        ("Mg / Fe / Si [at%]", "more than once"),
        ("Mg + Mg [at%]", "twice"),
        ("O [at% O-free]", "leaves O out"),
        ("[wt%]", "no sum"),
    ],
)
def test_quantities_that_cannot_be_read(text, said):
    with pytest.raises(SchemeError, match=said):
        parse_quantity(text)


def test_oxides_of_what_holds_no_oxides_are_not_defined_and_rules_on_them_do_not_hold():
    scheme = scheme_from_json(with_condition(quantity="SiO2 [wt%]", max=10))
    match = scheme.classify(scheme_quantities(of_mineral("pyrite")))
    assert match.name == UNCLASSIFIED
    assert "not defined" in match.reasons[0]


def test_a_rule_on_bse_asks_for_it():
    scheme = scheme_from_json(with_condition(quantity="BSE", min=0.2))
    with pytest.raises(SchemeError, match="BSE"):
        scheme.classify(scheme_quantities(of_mineral("pyrite")))
    assert scheme.classify(scheme_quantities(of_mineral("pyrite"), bse=0.3)).name == "a"


def test_required_and_forbidden_elements():
    classes = [
        {"name": "sulphide", "required": ["S"], "forbidden": ["O"]},
        {"name": "sulphate", "required": ["S", "O"]},
    ]
    scheme = scheme_from_json(scheme_text(classes=classes))
    assert scheme.classify(scheme_quantities(of_mineral("pyrite"))).name == "sulphide"
    assert scheme.classify(scheme_quantities(of_mineral("baryte"))).name == "sulphate"
    assert scheme.classify(scheme_quantities(of_mineral("quartz"))).name == UNCLASSIFIED


def test_first_goes_by_priority_and_order_and_best_by_the_middle_of_ranges():
    def ranged(name, low, high, **more):
        return {"name": name, "conditions": [{"quantity": "Si [wt%]", "min": low, "max": high}], **more}

    classes = [ranged("wide", 0, 100), ranged("near", 40, 54), ranged("early", 46, 90, priority=-1)]
    quartz = scheme_quantities(of_mineral("quartz"))
    first = scheme_from_json(scheme_text(classes=classes)).classify(quartz)
    assert first.name == "early"
    assert set(first.others) == {"wide", "near"}
    assert scheme_from_json(scheme_text(classes=classes[:2])).classify(quartz).name == "wide"
    best = scheme_from_json(scheme_text(classes=classes, mode="best")).classify(quartz)
    assert best.name == "near"  # its middle, 47, is nearer to 46.7 in half widths than 50 is


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        ('{"format": "napari-gdls scheme",\n "version": 1\n "name": "a"}', 3, "comma"),
        (scheme_text(format="other"), 2, "is this file a scheme"),
        (scheme_text(version=2), 3, "version 1"),
        (scheme_text(version=True), 3, "version 1"),
        (scheme_text(mode="last"), 17, "first"),
        (scheme_text(classes=[]), 5, "no class"),
        (scheme_text(colour="#ffffff"), 17, 'no key "colour"'),
        ('{"format": "",\n"version": 1, "name": "a",\n\n"name": "b", "classes": []}', 4, "line 2 already"),
        (with_condition(quantity="Si [wt%]", min=5, max=4), 9, "more than"),
        (with_condition(quantity="Si [wt%]"), 9, "neither"),
        (with_condition(quantity="Si [wt%]", min="5"), 11, "a number"),
        (with_condition(quantity="Si [wt%]", min=True), 11, "a number"),
        (with_condition(quantity="Si [wt%]", max=101), 11, "from 0 to 100"),
        (with_condition(quantity="Mg / (Mg + Fe) [at%]", max=50), 11, "from 0 to 1"),
        (with_condition(quantity="Si wt%", max=50), 10, "square brackets"),
        (with_condition(quantity="Si [wt%]", maxi=50), 11, "Did you mean max"),
        (scheme_text(classes=[{"name": "a", "required": ["Xx"]}]), 9, "symbols"),
        (scheme_text(classes=[{"name": "a", "required": ["H"]}]), 9, "do not show"),
        (scheme_text(classes=[{"name": "a", "required": ["Si"], "forbidden": ["Si"]}]), 11, "both"),
        (scheme_text(classes=[{"name": "a"}]), 6, "no rule"),
        (scheme_text(classes=[{"name": "Unclassified", "required": ["Si"]}]), 6, "another name"),
        (scheme_text(classes=[{"name": "a", "required": ["Si"]}, {"name": "A", "required": ["Al"]}]), 12, "line 6"),
        (scheme_text(classes=[{"name": "a", "required": ["Si"], "colour": "red"}]), 11, "#rrggbb"),
        (scheme_text(classes=[{"name": "a", "required": ["Si"], "density": 2650}]), 11, "g/cm3"),
        (scheme_text(classes=[{"name": "a", "required": ["Si"], "priority": 0.5}]), 11, "whole number"),
        ("[]", 1, "an object"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_told_with_its_line(text, line, said):
    with pytest.raises(SchemeError, match=rf"^rules\.json, line {line}[,:]") as error:
        scheme_from_json(text, "rules.json")
    assert said in str(error.value)


@pytest.mark.parametrize("text", ["", "{", "[" * 100_000, '{"a": NaN}', "1" * 5000])
def test_what_is_no_json_is_refused(text):
    with pytest.raises(SchemeError, match=r"rules\.json"):
        scheme_from_json(text, "rules.json")


def test_files_that_are_not_there_or_no_text(tmp_path):
    with pytest.raises(SchemeError, match="silicate_rock"):
        read_scheme(tmp_path / "none.json")
    (tmp_path / "bad.json").write_bytes(b"{\n\xff\xfe")
    with pytest.raises(SchemeError, match="line 2"):
        read_scheme(tmp_path / "bad.json")


@pytest.mark.parametrize("scheme", [SILICATE, SULPHIDE])
def test_a_scheme_survives_writing_and_reading(scheme: Scheme, tmp_path):
    (tmp_path / "rules.json").write_text(scheme.to_json(), encoding="utf-8-sig")
    assert read_scheme(tmp_path / "rules.json") == scheme


def test_an_exported_scheme_gives_back_the_names_it_was_made_of():
    names = ["quartz", "albite", "andesine", "diopside", "forsterite", "pyrite", "chalcopyrite", "magnetite"]
    compositions = {name: of_mineral(name) for name in names}
    rows = [(name, "", "#aabbcc", found) for name, found in compositions.items()]
    rows.append(("quartz", "", "", composition({"Si": 44.0, "O": 54.0, "Al": 2.0})))  # a second phase of one name
    scheme = scheme_from_json(scheme_of(rows).to_json())
    assert [kind.name for kind in scheme.classes] == names
    for name, found in compositions.items():
        assert scheme.classify(scheme_quantities(found)).name == name
    assert scheme.classify(scheme_quantities(rows[-1][3])).name == "quartz"
    assert scheme.classify(scheme_quantities(of_mineral("zircon"))).name == UNCLASSIFIED


def test_of_nothing_no_scheme_is_made():
    with pytest.raises(SchemeError, match="no named phase"):
        scheme_of([("unknown", "", "", of_mineral("quartz"))])
    with pytest.raises(SchemeError, match="no named phase"):
        scheme_of([])


def test_many_at_once_get_the_classes_of_each():
    from napari_gdls.mineralogy.schemes.quantities import SchemeQuantities

    names = ["quartz", "albite", "pyrite", "gold"]
    single = [scheme_quantities(of_mineral(name)) for name in names]
    unit = "at% O-free"
    stacked = {symbol: np.array([one.amounts[unit].get(symbol, 0.0) for one in single]) for symbol in SOUGHT}
    mass = {"C": np.zeros(len(names))}
    found = {symbol: np.array([one.found.get(symbol, False) for one in single]) for symbol in SOUGHT}
    many = SILICATE.indices(SchemeQuantities({unit: stacked, "wt%": mass}, {}, found))
    assert many.tolist() == [int(SILICATE.indices(one)) for one in single]
    assert many[-1] == -1


def test_the_example_of_the_documentation_is_a_scheme():
    text = (Path(__file__).parents[2] / "docs" / "schemes.md").read_text(encoding="utf-8")
    scheme = scheme_from_json(text.split("```json\n")[1].split("```")[0])
    assert scheme.classify(scheme_quantities(of_mineral("andesine"), bse=0.3)).name == "plagioclase"
