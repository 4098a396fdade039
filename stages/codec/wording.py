"""Which of a region's texts a task uses, and what a grounding is called."""

from shards.record import Region


def category(region: Region) -> str | None:
    """Its first candidate of kind phrase: what a detector called it."""
    return next((candidate.text for candidate in region.candidates if candidate.kind == "phrase"), None)


def description(region: Region) -> str:
    """Its first candidate of kind brief, else the selected text."""
    return next((candidate.text for candidate in region.candidates if candidate.kind == "brief"), region.text)


def grounding_id(index: int) -> str:
    """`grounding_id(3)` is "g3", as in the index of a round."""
    return f"g{index}"
