"""Text made safe for a terminal and for other eyes, and visible in a page. Not in `terminal.py`: rich loads slowly."""

import re

_UNSAFE = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")

_USERINFO = re.compile(r"(\b[A-Za-z][A-Za-z0-9+.-]*://)[^/?#\s]*@")
_QUERY = re.compile(r"(\b[A-Za-z][A-Za-z0-9+.-]*://[^?\s]*)\?[^\s'\"]*")


def without_secrets(text: str) -> str:
    """The text with the user, the password and the query of every URL in it as ***."""
    return _QUERY.sub(r"\1?***", _USERINFO.sub(r"\1***@", text))


def clean(text: str) -> str:
    """The text with what a terminal would obey, instead of show, written out: "\\x1b" for an escape character."""
    return _UNSAFE.sub(lambda found: found[0].encode("unicode_escape").decode(), text)


def visible(value: object) -> object:
    """For templates: what a page would hide, or obey by turning the direction of writing, written out, too."""
    return clean(value) if type(value) is str else value
