"""A filter of your own, complete: objects that are small in a picture with much in it are dropped.

    fld filter corpus --set 'filters.custom=[{factory: "filters.examples.small_things:SmallThings", on: region,
                                              options: {least_share: 0.01}}]'
    fld show corpus KEY --dropped          small_thing  0.004  0.01

A copy of this file works the same under the name of your module, as long as Python finds it (an installed package, or
its folder on PYTHONPATH). `fld doctor --config FILE` checks it on two made-up records.
"""

from filters.custom import Case, Facts
from filters.verdict import KEPT, Verdict, dropped
from shards.record import Region


class SmallThings:
    """`on: region`. options: least_share, of the image's area; crowd, how many objects make a picture full."""

    def __init__(self, options: dict[str, float]) -> None:
        self._least = options.get("least_share", 0.01)
        self._crowd = options.get("crowd", 5)

    def fingerprint(self) -> Facts:
        """What changes the verdicts besides the options, which are known: raise it when `judge` changes."""
        return {"version": 1}

    def judge(self, cases: list[Case]) -> list[Verdict]:
        """One verdict per case, in order. A case is an annotation and the record it is in; nothing else counts."""
        return [self._judge(case) for case in cases]

    def _judge(self, case: Case) -> Verdict:
        record, region = case
        assert isinstance(region, Region)  # `on: region` brings nothing else
        objects = sum(each.kind == "object" for each in record.regions)
        x0, y0, x1, y1 = region.box
        share = round((x1 - x0) * (y1 - y0) / (record.width * record.height), 4)
        if objects < self._crowd or share >= self._least:
            return KEPT
        return dropped("small_thing", share, self._least)
