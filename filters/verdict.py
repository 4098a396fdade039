"""The outcome of every filter: kept, or dropped by which rule, on which value, against which threshold."""

from typing import NamedTuple


class Verdict(NamedTuple):
    """A dropped annotation names its first failing rule; `value` and `threshold` are in the rule's own unit."""

    kept: bool
    rule: str = ""
    value: float | None = None
    threshold: float | None = None


KEPT = Verdict(True)


def dropped(rule: str, value: float | None = None, threshold: float | None = None) -> Verdict:
    """A drop by `rule`."""
    return Verdict(False, rule, value, threshold)
