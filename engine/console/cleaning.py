"""Text of others made safe for a terminal, and visible in a page. Apart from `terminal.py`: rich is slow to import."""

import re

_UNSAFE = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")


def clean(text: str) -> str:
    """The text with what a terminal would obey, instead of show, written out: "\\x1b" for an escape character."""
    return _UNSAFE.sub(lambda found: found[0].encode("unicode_escape").decode(), text)


def visible(value: object) -> object:
    """For templates: what a page would hide, or obey by turning the direction of writing, written out, too."""
    return clean(value) if type(value) is str else value
