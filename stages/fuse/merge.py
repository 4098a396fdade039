"""What the loop's own model says meets what the specialists and humans said: one policy per type of annotation.

Comes in: the statements of one type about one image that passed their filters. Goes out: those that go on; the ledger
hears of the others. `originals` are all statements that are not the loop's model's.

    keep      captioner/0 "a dog", generalist/0 "a brown dog"  ->  generalist/0 dropped    fuse.merge.keep
    replace                                                    ->  captioner/0 dropped     fuse.merge.replaced
    pick      scores 0.91 and 0.64                             ->  generalist/0 dropped    fuse.merge.pick, 0.64 < 0.91
    union                                                      ->  both stay, fusion goes on as without a model

The model displaces only where it said something that its filters kept, so an unusable answer costs nothing. What a
human said stays in every case (unless `fuse.given` is `filter`). A round without the loop's model is not touched.
"""

from collections.abc import Callable

from filters.verdict import Verdict, dropped
from stages.fuse.ledger import Ledger, Statement
from stages.fuse.settings import FuseSettings, MergePolicy, MergeType

_KEPT_OUT = dropped("fuse.merge.keep")
_REPLACED = dropped("fuse.merge.replaced")


class Merge:
    """The merge of one image. `generalists`: names of the annotators that are the loop's own model, often none."""

    def __init__(self, settings: FuseSettings, generalists: frozenset[str], ledger: Ledger) -> None:
        self._settings = settings
        self._generalists = generalists
        self._ledger = ledger

    def policy(self, type_: MergeType) -> MergePolicy | None:
        """The policy in force; None in a round without the loop's model."""
        return self._settings.merge.policy(type_) if self._generalists else None

    def recorded(self, type_: MergeType) -> str:
        """What a kept annotation of this type says about its merge."""
        return self.policy(type_) or ""

    def merged(self, stated: list[Statement], type_: MergeType) -> list[Statement]:
        """Those of `stated` (one type, one image) that go on, in order, under keep and replace."""
        match self.policy(type_):
            case "keep":
                return self._without(stated, self._is_learned, _KEPT_OUT)
            case "replace" if any(self._is_learned(each) for each in stated):
                return self._without(stated, lambda each: not self._is_learned(each), _REPLACED)
            case _:
                return stated

    def picked(self, rivals: list[Statement], type_: MergeType) -> list[Statement]:
        """Under pick: of `rivals` for one place (texts of one granularity, boxes of one phrase) those of the source
        whose best score is the highest, the originals' where scores are equal. Humans stay and are no rivals. Nothing
        goes where the model, or everybody else, is silent."""
        free = [each for each in rivals if not self._stays(each)]
        if self.policy(type_) != "pick" or len({self._is_learned(each) for each in free}) < 2:
            return rivals
        best = max(free, key=lambda each: (self._score(each), not self._is_learned(each)))
        top, winner = self._score(best), best.source.annotator
        return self._without(
            rivals,
            lambda each: each.source.annotator != winner,
            lambda each: Verdict(False, "fuse.merge.pick", self._score(each), top),
        )

    def picks_labels(self) -> bool:
        """Whether a region takes the label of its best vote rather than the heaviest label."""
        return self.policy("regions") == "pick"

    def _without(
        self,
        stated: list[Statement],
        goes: Callable[[Statement], bool],
        verdict: Verdict | Callable[[Statement], Verdict],
    ) -> list[Statement]:
        kept = []
        for each in stated:
            if self._stays(each) or not goes(each):
                kept.append(each)
            else:
                self._ledger.drop(each, verdict(each) if callable(verdict) else verdict)
        return kept

    def _stays(self, each: Statement) -> bool:
        """A human's, which the settings protect."""
        return each.given and self._settings.given == "keep"

    def _is_learned(self, each: Statement) -> bool:
        return each.source.annotator in self._generalists

    def _score(self, each: Statement) -> float:
        score = each.finding.score
        return self._settings.missing_score if score is None else score
