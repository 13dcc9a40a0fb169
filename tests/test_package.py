"""What an installed package holds, and what package indexes show of it."""

from __future__ import annotations

import ast
import importlib.util
import re
import sys
import tomllib
from importlib import metadata, resources
from pathlib import Path
from types import ModuleType

import pytest
from packaging.requirements import Requirement

import napari_gdls

ROOT = Path(__file__).resolve().parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
REPOSITORY = PROJECT["tool"]["hatch"]["metadata"]["hooks"]["custom"]["repository"]
ADDRESS = "https://host.example/owner/napari-gdls"


@pytest.fixture(scope="module")
def hatch_build() -> ModuleType:
    spec = importlib.util.spec_from_file_location("hatch_build", ROOT / "hatch_build.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize(
    "name",
    ["py.typed", "__init__.pyi", "napari.yaml", "materials/minerals.csv", "embedding/weights/windows.safetensors"],
)
def test_files_that_the_code_reads_are_in_the_package(name: str) -> None:
    assert resources.files("napari_gdls").joinpath(name).is_file()


def test_the_package_and_its_metadata_agree_on_the_version() -> None:
    assert metadata.version("napari-gdls") == napari_gdls.__version__
    assert f"version: {napari_gdls.__version__}" in (ROOT / "CITATION.cff").read_text()


def test_no_dependency_has_an_upper_bound() -> None:
    """One that breaks with a newer version of another package says so; a bound would break the installs of others."""
    groups = [PROJECT["project"]["dependencies"], *PROJECT["project"]["optional-dependencies"].values()]
    requirements = [Requirement(text) for group in groups for text in group]
    assert not [
        str(each) for each in requirements if any(part.operator in ("<", "<=", "==", "~=") for part in each.specifier)
    ]


def test_no_qt_binding_is_installed_unasked() -> None:
    names = {Requirement(text).name.lower() for text in PROJECT["project"]["dependencies"]}
    assert not names & {"pyside6", "pyqt6", "pyqt5", "pyside2"}


def test_every_package_that_the_code_imports_at_once_is_declared() -> None:
    """What an extra brings is imported in functions, where its absence is answered in words."""
    declared = {Requirement(text).name.lower().replace("-", "_") for text in PROJECT["project"]["dependencies"]}
    declared |= {"skimage", "pil", "xraylib_np", "napari_gdls"}  # of scikit-image, pillow and xraylib
    imported = set()
    for path in resources.files("napari_gdls").joinpath().rglob("*.py"):  # type: ignore[attr-defined]
        for statement in ast.parse(path.read_text(encoding="utf-8")).body:
            if isinstance(statement, ast.Import):
                imported |= {name.name.partition(".")[0].lower() for name in statement.names}
            elif isinstance(statement, ast.ImportFrom) and not statement.level:
                imported.add(str(statement.module).partition(".")[0].lower())
    assert imported - {name.lower() for name in sys.stdlib_module_names} <= declared | {"__future__"}


def test_links_of_the_readme_lead_into_the_repository(hatch_build: ModuleType) -> None:
    text = hatch_build.readme_for_indexes((ROOT / "README.md").read_text(), ADDRESS)
    assert f"]({ADDRESS}/raw/main/docs/images/dacite.png)" in text
    assert f"]({ADDRESS}/blob/main/docs/tutorial.md)" in text
    assert f"git+{ADDRESS}" in text
    assert all(re.match(r"https?://|#", target) for target in re.findall(r"\]\(([^)]+)\)", text))


def test_without_an_address_the_readme_has_no_broken_links(hatch_build: ModuleType) -> None:
    text = hatch_build.readme_for_indexes((ROOT / "README.md").read_text(), "")
    assert "![" not in text
    assert all(re.match(r"https?://|#", target) for target in re.findall(r"\]\(([^)]+)\)", text))
    assert hatch_build.project_urls("") == {}


def test_the_address_of_the_repository_is_the_same_wherever_it_is_said() -> None:
    cited = re.search(r"^repository-code: *(\S+)", (ROOT / "CITATION.cff").read_text(), re.MULTILINE)
    assert (cited[1].strip("\"'") if cited else "") == REPOSITORY
