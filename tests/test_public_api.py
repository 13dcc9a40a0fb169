"""What users may rely on: names and their types, what an import loads, and what the documentation says."""

from __future__ import annotations

import ast
import importlib
import inspect
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import typer.main

import napari_gdls
from napari_gdls.cli import app
from napari_gdls.segmentation import Segmentation

ROOT = Path(__file__).resolve().parents[1]
SOURCES = Path(napari_gdls.__file__).parent
STUBS = sorted(SOURCES.rglob("__init__.pyi"))
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
HEAVY = ("PySide6", "PyQt6", "qtpy", "napari", "torch", "numba")


def stub_names(stub: Path) -> dict[str, str]:
    """Module of each name that a stub gives, relative to its package; "" for modules."""
    imports = [node for node in ast.parse(stub.read_text()).body if isinstance(node, ast.ImportFrom)]
    return {alias.name: node.module or "" for node in imports for alias in node.names}


def package_of(stub: Path) -> str:
    return ".".join(("napari_gdls", *stub.parent.relative_to(SOURCES).parts))


PUBLIC_MODULES = {
    "napari_gdls",
    *(f"napari_gdls.{name}" for name, module in stub_names(SOURCES / "__init__.pyi").items() if not module),
    *(package_of(stub) for stub in STUBS),
}


# --- stubs


@pytest.mark.parametrize("stub", STUBS, ids=package_of)
def test_a_stub_has_the_names_that_its_package_has(stub: Path) -> None:
    package = importlib.import_module(package_of(stub))
    names = stub_names(stub)
    assert set(package.__all__) == set(names) <= set(dir(package))
    for name, module in names.items():
        home = importlib.import_module(f"{package_of(stub)}.{module}" if module else package_of(stub))
        assert getattr(package, name) is getattr(home, name)


@pytest.mark.parametrize("stub", STUBS, ids=package_of)
def test_a_stub_gives_every_name_under_that_name_alone(stub: Path) -> None:
    """``import a as b`` in a stub would make `b` for type checkers and `a` at run time."""
    body = ast.parse(stub.read_text()).body
    assert all(isinstance(node, ast.ImportFrom) and node.level == 1 for node in body)
    assert all(alias.asname == alias.name for node in body for alias in node.names)  # type: ignore[attr-defined]


@pytest.mark.parametrize("stub", STUBS, ids=package_of)
def test_no_public_name_is_hidden_by_a_module_of_the_same_name(stub: Path) -> None:
    """Whoever imports such a module first would put it in the place of the function."""
    modules = {path.stem for path in stub.parent.iterdir() if path.suffix == ".py" or (path / "__init__.py").exists()}
    assert not modules & {name for name, module in stub_names(stub).items() if module}


# --- import


def modules_after(code: str) -> set[str]:
    """Names of the modules that a new Python process has imported after `code`."""
    script = f"import sys\n{code}\nprint('MODULES', *sys.modules)"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    return set(done.stdout.rpartition("MODULES ")[2].split())


def test_importing_the_package_imports_nothing_of_size() -> None:
    modules = modules_after("import napari_gdls; napari_gdls.__version__; dir(napari_gdls)")
    assert "napari_gdls" in modules
    assert not modules & {*HEAVY, "numpy", "scipy", "skimage", "typer", "zarr", "h5py"}


def test_importing_public_packages_imports_neither_windows_nor_torch() -> None:
    modules = modules_after("\n".join(f"import {name}" for name in sorted(PUBLIC_MODULES)))
    assert modules >= PUBLIC_MODULES
    assert not modules & set(HEAVY)


@pytest.mark.parametrize("arguments", [["--version"], ["--help"], ["segment", "--help"]], ids=" ".join)
def test_a_command_that_only_tells_loads_nothing_to_compute_with(arguments: list[str]) -> None:
    code = f"""
        sys.argv = ["napari-gdls", *{arguments!r}]
        from napari_gdls.cli import main
        try:
            main()
        except SystemExit as end:
            assert not end.code
    """
    modules = modules_after(inspect.cleandoc(code))
    assert "napari_gdls.cli" in modules
    assert not modules & {*HEAVY, "skimage", "zarr", "h5py"}


# --- documentation


def code_blocks(page: Path, language: str) -> str:
    return "\n".join(re.findall(rf"^```{language}\n(.*?)^```", page.read_text(), re.MULTILINE | re.DOTALL))


def documented_names() -> list[tuple[str, str]]:
    """Page and dotted name of everything below ``napari_gdls`` that the documentation mentions."""
    found = set()
    for page in PAGES:
        text = re.sub(r"\bgdls\.", "napari_gdls.", page.read_text().replace("napari_gdls", "gdls"))
        text = re.sub(r"[\w./-]*\.(zarr|yaml|py|tif|csv|json)\b", "", text)
        found |= {(page.name, name) for name in re.findall(r"\bnapari_gdls(?:\.\w+)+", text)}
        for node in ast.walk(ast.parse(code_blocks(page, "python"))):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("napari_gdls"):
                found |= {(page.name, f"{node.module}.{alias.name}") for alias in node.names}
    return sorted(found)


@pytest.mark.parametrize(("page", "name"), documented_names())
def test_what_the_documentation_names_can_be_imported_from_a_public_package(page: str, name: str) -> None:
    if name in PUBLIC_MODULES:
        return
    module, _, attribute = name.rpartition(".")
    assert module in PUBLIC_MODULES, f"{page} sends readers into {module}"
    assert hasattr(importlib.import_module(module), attribute), f"{page}: {name} is not there"


def rows_of_api_page() -> list[tuple[str, str]]:
    """Heading and first code word of every row of the tables in docs/api.md."""
    rows, heading = [], ""
    for line in (ROOT / "docs" / "api.md").read_text().splitlines():
        if line.startswith("#"):
            heading = line.lstrip("# ")
        if line.startswith("| `"):
            rows += [(heading, word) for word in re.findall(r"`([\w.]+)", line.split(" | ")[0])]
    return rows


@pytest.mark.parametrize(("heading", "name"), rows_of_api_page())
def test_every_name_of_the_api_page_has_a_docstring(heading: str, name: str) -> None:
    if heading == "The result":
        owner, name = Segmentation, name.partition(".")[0]
    else:
        module, _, name = name.rpartition(".")
        owner = importlib.import_module(f"napari_gdls.{module}".rstrip("."))
    described = inspect.getdoc(getattr(owner, name, None)) if hasattr(owner, name) else None
    # A field of a dataclass is described in the docstring of its class.
    assert described or re.search(rf"^{name}\b.* :", inspect.getdoc(owner) or "", re.MULTILINE)


@pytest.mark.parametrize("stub", STUBS, ids=package_of)
def test_every_public_function_and_class_has_a_docstring(stub: Path) -> None:
    package = importlib.import_module(package_of(stub))
    things = {name: getattr(package, name) for name in stub_names(stub)}
    bare = [name for name, thing in things.items() if (inspect.isclass(thing) or callable(thing)) and not thing.__doc__]
    assert not bare


def commands_of(page: Path) -> list[list[str]]:
    lines = code_blocks(page, "sh").replace("\\\n", " ").splitlines()
    words = [shlex.split(line, comments=True) for line in lines]
    return [line[line.index("napari-gdls") + 1 :] for line in words if "napari-gdls" in line]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_commands_and_options_that_the_documentation_shows_exist(page: Path) -> None:
    group: Any = typer.main.get_command(app)  # of click, or of the copy of it that newer typers have
    for name, *arguments in commands_of(page):
        command = group if name.startswith("-") else group.commands[name]
        if name == "batch":  # of its commands "run" is meant where none is named
            command = command.commands.get(arguments[0], command.commands["run"])
        known = {text for parameter in command.params for text in (*parameter.opts, *parameter.secondary_opts)}
        used = {word.partition("=")[0] for word in (name, *arguments) if re.match(r"--?[a-z]", word)}
        assert used <= known | {"--help"}, f"{page.name}: napari-gdls {name}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_and_images_of_the_documentation_lead_somewhere(page: Path) -> None:
    targets = re.findall(r"\]\(([^)\s]+)\)", page.read_text())
    local = [target.partition("#") for target in targets if not re.match(r"https?:|mailto:", target)]
    for path, _, anchor in local:
        target = page.parent / path if path else page
        assert target.exists(), f"{page.name}: {path}"
        if anchor:
            headings = re.findall(r"^#+ (.*)$", target.read_text(), re.MULTILINE)
            anchors = {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}
            assert anchor in anchors, f"{page.name}: {path}#{anchor}"
