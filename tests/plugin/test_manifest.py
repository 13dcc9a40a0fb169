"""What the plugin declares to napari is there, and complete."""

from __future__ import annotations

from fnmatch import fnmatch
from pathlib import Path

import pytest
from npe2 import PluginManifest

import napari_gdls
from napari_gdls.io import supported_formats
from napari_gdls.samples import SAMPLES


@pytest.fixture(scope="module")
def manifest() -> PluginManifest:
    return PluginManifest.from_file(Path(napari_gdls.__file__).parent / "napari.yaml")


def test_manifest_is_valid(manifest):
    manifest.validate_imports()
    assert manifest.name == "napari-gdls"
    assert "Segmentation" in manifest.categories


def test_manifest_is_found_by_the_name_of_the_package():
    assert PluginManifest.from_distribution("napari-gdls").display_name.startswith("GDLS")


def test_every_command_is_used(manifest):
    contributions = manifest.contributions
    used = {
        item.command
        for items in (contributions.readers, contributions.writers, contributions.widgets, contributions.sample_data)
        for item in items
    }
    used |= {item.command for items in contributions.menus.values() for item in items}
    assert used == {command.id for command in contributions.commands}


def test_every_format_is_declared(manifest):
    patterns = [pattern for reader in manifest.contributions.readers for pattern in reader.filename_patterns]
    for name, _, endings in supported_formats():
        for ending in endings:
            assert any(fnmatch(f"/somewhere/a{ending}", pattern) for pattern in patterns), (name, ending)


def test_every_sample_is_declared(manifest):
    assert {sample.key for sample in manifest.contributions.sample_data} == set(SAMPLES)
