"""How the package is built: its layers, as pyproject.toml lists them, and where names come from."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest
from importlinter.cli import lint_imports

import napari_gdls

ROOT = Path(__file__).resolve().parents[1]
SOURCES = Path(napari_gdls.__file__).parent
MODULES = {
    ".".join(("napari_gdls", *path.relative_to(SOURCES).with_suffix("").parts)): path for path in SOURCES.rglob("*.py")
}


def test_imports_keep_to_the_layers_and_make_no_circle(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(ROOT)
    assert lint_imports(no_cache=True) == 0, capsys.readouterr().out


def names_made_in(tree: ast.Module) -> set[str]:
    """Names that a module makes itself, at its top or within ``if`` and ``try`` there."""
    names = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            names.add(node.name)
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            names.add(node.id)
    return names


@pytest.mark.parametrize("module", sorted(MODULES))
def test_names_are_imported_from_where_they_are_made(module: str) -> None:
    """Only packages give on what others made."""
    for node in ast.walk(ast.parse(MODULES[module].read_text())):
        if not isinstance(node, ast.ImportFrom) or node.module not in MODULES:
            continue
        made = names_made_in(ast.parse(MODULES[node.module].read_text()))
        assert not [alias.name for alias in node.names if alias.name not in made], f"{module}, line {node.lineno}"
