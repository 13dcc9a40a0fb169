"""Write the oldest versions that pyproject.toml allows, as constraints for pip.

``python tools/lowest_versions.py lowest.txt`` and ``pip install -c lowest.txt ...`` make an environment that puts the
lower bounds to the test. What constraints.txt holds to a version keeps it: torch, whose older builds come with
gigabytes of CUDA, and Qt. A lower bound that no environment can have, because another dependency asks for more, is an
error: it would promise what nobody has tried.
"""

from __future__ import annotations

import subprocess
import sys
import tomllib
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

_ROOT = Path(__file__).resolve().parents[1]
_EXTRAS = ("formats", "batch", "report")  # all but the Qt binding


def main(target: Path) -> None:
    """Resolve, check that every bound is reached, and write `target`."""
    options = ["--resolution", "lowest-direct", "--python-version", "3.11", "--no-annotate", "--no-header", "--quiet"]
    options += ["--constraint", str(_ROOT / "constraints.txt"), "--group", f"{_ROOT / 'pyproject.toml'}:test"]
    options += [part for extra in _EXTRAS for part in ("--extra", extra)]
    command = [sys.executable, "-m", "uv", "pip", "compile", str(_ROOT / "pyproject.toml"), *options]
    text = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
    resolved = _pinned(text)
    held = _pinned((_ROOT / "constraints.txt").read_text())
    for name, bound in _lower_bounds().items():
        if name not in held and Version(resolved[name]) > Version(bound):
            sys.exit(f"{name}>={bound} cannot be had together with the rest; the oldest is {resolved[name]}.")
    target.write_text(text)


def _lower_bounds() -> dict[str, str]:
    """Declared lower bound of every direct dependency, by canonical name."""
    declared = tomllib.loads((_ROOT / "pyproject.toml").read_text())
    project = declared["project"]
    groups = [project["dependencies"], declared["dependency-groups"]["test"]]
    groups += [project["optional-dependencies"][extra] for extra in _EXTRAS]
    bounds: dict[str, str] = {}
    for text in (text for group in groups for text in group):
        requirement = Requirement(text)
        versions = [part.version for part in requirement.specifier if part.operator == ">="]
        if len(versions) != 1:
            sys.exit(f"{text}: give one lower bound (>=), so that it can be tried.")
        bounds[canonicalize_name(requirement.name)] = versions[0]
    return bounds


def _pinned(requirements: str) -> dict[str, str]:
    """Versions of the lines ``name==version``, by canonical name."""
    lines = (line.split("#")[0].split(";")[0].strip() for line in requirements.splitlines())
    pairs = (line.split("==") for line in lines if "==" in line)
    return {canonicalize_name(name): version for name, version in pairs}


if __name__ == "__main__":
    main(Path(sys.argv[1]))
