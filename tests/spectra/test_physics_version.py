"""The digest that says which physics simulated spectra come from."""

import re
from importlib.resources import files

from napari_gdls.spectra import PHYSICS_VERSION, physics_version
from napari_gdls.spectra.physics_version import _SOURCES


def test_it_is_a_digest():
    assert re.fullmatch("[0-9a-f]{16}", PHYSICS_VERSION)
    assert physics_version._digest() == PHYSICS_VERSION


def test_it_changes_with_each_of_its_sources(monkeypatch, tmp_path):
    real = files("napari_gdls.spectra")
    for name in _SOURCES:
        (tmp_path / name).write_bytes(real.joinpath(name).read_bytes())
    monkeypatch.setattr(physics_version, "files", lambda _package: tmp_path)
    assert physics_version._digest() == PHYSICS_VERSION
    seen = {PHYSICS_VERSION}
    for name in _SOURCES:
        with (tmp_path / name).open("ab") as file:
            file.write(b"# changed\n")
        seen.add(physics_version._digest())
    assert len(seen) == len(_SOURCES) + 1


def test_it_changes_with_the_atomic_data(monkeypatch):
    monkeypatch.setattr(physics_version, "version", lambda _package: "0.0")
    assert physics_version._digest() != PHYSICS_VERSION


def test_every_module_that_spectra_are_made_by_is_a_source():
    """What `synthesis` and `thin_film` import of this package, directly or not."""
    folder = files("napari_gdls.spectra")
    found, open_names = set(), ["synthesis.py", "thin_film.py"]
    while open_names:
        name = open_names.pop()
        if name in found:
            continue
        found.add(name)
        text = folder.joinpath(name).read_text(encoding="utf-8")
        open_names += [f"{module}.py" for module in re.findall(r"from napari_gdls\.spectra\.(\w+) import", text)]
        found.update(re.findall(r'"(\w+\.csv)"', text))
    assert found - {"sampling.py", "_poisson.py"} == set(_SOURCES)
