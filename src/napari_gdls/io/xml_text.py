"""What users call things, as XML can hold it."""

from __future__ import annotations

import re

_NOT_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""Characters that no XML document may hold, escaped or not: XML 1.0 (fifth edition, 2008), production 2."""


def xml_text(words: str) -> str:
    """The words with a question mark for every character that XML has no way to write; nothing is escaped yet."""
    return _NOT_XML.sub("?", words)
