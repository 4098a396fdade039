"""How texts are folded before they are compared. Edit distances are rapidfuzz's."""

from functools import lru_cache


def plain(text: str) -> str:
    """Lower case, single blanks: how measures compare texts."""
    return " ".join(text.lower().split())


@lru_cache(maxsize=65_536)
def normalised(label: str) -> str:
    """A label as fusion compares it: case, underscores, hyphens and runs of space do not count."""
    return " ".join(label.replace("_", " ").replace("-", " ").casefold().split())
