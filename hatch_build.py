"""Metadata of the package that depend on where its repository is: its links, and those of its README.

The address stands in pyproject.toml alone (``tool.hatch.metadata.hooks.custom.repository``). Without one the package
has no links, and its README none of its pictures, which would be broken anywhere but in the repository.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from hatchling.metadata.plugin.interface import MetadataHookInterface

_LINK = re.compile(r"(!?)\[([^\]]*)\]\((?!https?:|#)([^)\s]+)\)")
"""A link or picture by its path in the repository: "!" of pictures, text, path."""

_PLACEHOLDER = "<address of this repository>"


class RepositoryMetadata(MetadataHookInterface):
    """Sets ``urls`` and ``readme``."""

    def update(self, metadata: dict[str, Any]) -> None:
        """Add what hangs on the address to the metadata."""
        repository = str(self.config.get("repository", "")).rstrip("/")
        text = Path(self.root, "README.md").read_text(encoding="utf-8")
        metadata["readme"] = {"content-type": "text/markdown", "text": readme_for_indexes(text, repository)}
        metadata["urls"] = project_urls(repository)


def project_urls(repository: str) -> dict[str, str]:
    """Links that package indexes and napari's hub show beside the text; none without an address."""
    if not repository:
        return {}
    return {
        "Homepage": repository,
        "Source": repository,
        "Documentation": f"{repository}/blob/main/docs/how-it-works.md",
        "Issues": f"{repository}/issues",
        "Changelog": f"{repository}/blob/main/CHANGELOG.md",
    }


def readme_for_indexes(text: str, repository: str) -> str:
    """README whose links and pictures lead into the repository; without an address pictures are left out.

    Parameters
    ----------
    text : str
        Markdown with paths relative to the repository.
    repository : str
        Its address, without a slash at the end, on a host that serves ``/blob/main/`` and ``/raw/main/``; or "".
    """

    def absolute(match: re.Match[str]) -> str:
        mark, words, path = match.groups()
        if not repository:
            return "" if mark else words
        return f"{mark}[{words}]({repository}/{'raw' if mark else 'blob'}/main/{path})"

    text = _LINK.sub(absolute, text)
    return text.replace(_PLACEHOLDER, repository) if repository else text
