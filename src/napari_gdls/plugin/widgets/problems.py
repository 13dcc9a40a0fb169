"""How docks show what went wrong."""

from __future__ import annotations

import html

_COLOUR = "#ff8c6a"
"""Readable on the dark and on the light theme; by eye."""


def problem_text(problem: str) -> str:
    """A problem as rich text for a label, whatever signs stand in it."""
    return f'<span style="color: {_COLOUR}">{html.escape(problem)}</span>'
