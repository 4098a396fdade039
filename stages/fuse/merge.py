"""What the loop's own model says meets what the specialists and humans said: one policy per type of annotation.

Comes in: the statements of one type about one image that passed their filters. Goes out: those that go on; the ledger
hears of the others. `originals` are all statements that are not the loop's model's.

    keep      captioner/0 "a dog", generalist/0 "a brown dog"  ->  generalist/0 dropped    fuse.merge.keep
    replace                                                    ->  captioner/0 dropped     fuse.merge.replaced
    pick      scores 0.91 and 0.64                             ->  generalist/0 dropped    fuse.merge.pick, 0.64 < 0.91
    union                                                      ->  both stay, fusion goes on as without a model

Scores of two models are on no common scale. So pick compares texts by how likely the loop's model finds each, if it
says so of all of them. It always likes its own text best: that one counts `fuse.likelihood_ratio` times its likelihood,
and displaces only what the model finds clearly unlikely.

    likelihoods 0.50 and 0.80, ratio 0.2     ->  generalist/0 dropped    fuse.merge.pick, 0.16 < 0.50
    likelihoods 0.10 and 0.80                ->  captioner/0 dropped     fuse.merge.unlikely, 0.10 < 0.16

Human texts, where they are rivals at all, have a ratio of their own, `fuse.given_likelihood_ratio`.

The model displaces only where it said something that its filters kept, so an unusable answer costs nothing. What a
human said stays in every case (unless `fuse.given` is `filter`). A round without the loop's model is not touched.
"""

from collections.abc import Callable, Mapping, Sequence

from filters.verdict import KEPT, Verdict, dropped
from shards.finding import Finding
from stages.fuse.ledger import F, Ledger, Statement
from stages.fuse.settings import FuseSettings, MergePolicy, MergeType

_KEPT_OUT = dropped("fuse.merge.keep")
_REPLACED = dropped("fuse.merge.replaced")


class Merge:
    """The merge of one image. `generalists`: names of the annotators that are the loop's own model, often none.
    `likelihoods`: reference of a text -> how likely the loop's model finds it, in [0, 1]. `sure`: references of the
    texts and phrases that a person accepted."""

    def __init__(
        self,
        settings: FuseSettings,
        generalists: frozenset[str],
        likelihoods: Mapping[str, float],
        ledger: Ledger,
        sure: frozenset[str] = frozenset(),
    ) -> None:
        self._settings = settings
        self._generalists = generalists
        self._likelihoods = likelihoods
        self._ledger = ledger
        self._sure = sure

    def policy(self, type_: MergeType) -> MergePolicy | None:
        """The policy in force; None in a round without the loop's model."""
        return self._settings.merge.policy(type_) if self._generalists else None

    def recorded(self, type_: MergeType) -> str:
        """What a kept annotation of this type says about its merge."""
        return self.policy(type_) or ""

    def merged(self, stated: list[Statement[F]], type_: MergeType) -> list[Statement[F]]:
        """Those of `stated` (one type, one image) that go on, in order, under keep and replace."""
        match self.policy(type_):
            case "keep":
                return self._passed(stated, lambda statement: _KEPT_OUT if self._is_learned(statement) else KEPT)
            case "replace" if any(self._is_learned(statement) for statement in stated):
                return self._passed(stated, lambda statement: KEPT if self._is_learned(statement) else _REPLACED)
            case _:
                return stated

    def picked(self, rivals: list[Statement[F]], type_: MergeType) -> list[Statement[F]]:
        """Under pick: keep, of `rivals` for one place (texts of one granularity, boxes of one phrase), those of the
        source with the highest worth; the originals' if worths are equal. Originals that the model finds unlikely go
        first. Human labels stay and do not compete, unless the settings let them: then a human text wins that the model
        does not find unlikely, since a captioner of the model's own family would always be likelier. Nothing is dropped
        if the model, or everybody else, is silent."""
        free = [statement for statement in rivals if not self._stays(statement)]
        if self.policy(type_) != "pick" or len({self._is_learned(statement) for statement in free}) < 2:
            return rivals
        judged = all(statement.source.ref in self._likelihoods for statement in free)
        worth = {
            statement.source.ref: self._likelihood(statement) if judged else self._score(statement)
            for statement in free
        }
        least = {statement.source.ref: self._least(statement, free) if judged else 0.0 for statement in free}

        def rank(statement: Statement[F]) -> tuple[bool, float, bool]:
            value = worth[statement.source.ref]
            likely_human = judged and statement.given and value >= least[statement.source.ref]
            return likely_human, value, not self._is_learned(statement)

        best = max(free, key=rank)

        def verdict(statement: Statement[F]) -> Verdict:
            value = worth[statement.source.ref]
            if value < least[statement.source.ref]:
                return Verdict(False, "fuse.merge.unlikely", value, least[statement.source.ref])
            if statement.source.annotator != best.source.annotator:
                return Verdict(False, "fuse.merge.pick", value, worth[best.source.ref])
            return KEPT

        return self._passed(rivals, verdict)

    def picks_labels(self) -> bool:
        """Whether a region takes the label of its best vote rather than the heaviest label."""
        return self.policy("regions") == "pick"

    def _passed(self, stated: list[Statement[F]], judge: Callable[[Statement[F]], Verdict]) -> list[Statement[F]]:
        kept = []
        for statement in stated:
            verdict = KEPT if self._stays(statement) else judge(statement)
            if verdict.kept:
                kept.append(statement)
            else:
                self._ledger.drop(statement, verdict)
        return kept

    def _stays(self, statement: Statement[Finding]) -> bool:
        """A human's, which the settings protect, or what a person's correction says."""
        return self.is_sure(statement) or (statement.given and self._settings.given == "keep")

    def is_sure(self, statement: Statement[Finding]) -> bool:
        """Whether a person corrected or accepted it: then no filter drops it either."""
        return statement.is_reviewed or statement.source.ref in self._sure

    def _is_learned(self, statement: Statement[Finding]) -> bool:
        return statement.source.annotator in self._generalists

    def _likelihood(self, statement: Statement[Finding]) -> float:
        ratio = self._settings.likelihood_ratio if self._is_learned(statement) else 1.0
        return ratio * self._likelihoods[statement.source.ref]

    def _least(self, statement: Statement[Finding], rivals: Sequence[Statement[Finding]]) -> float:
        """The likelihood that a text needs; the model's own need none."""
        if self._is_learned(statement):
            return 0.0
        ratio = self._settings.given_likelihood_ratio if statement.given else self._settings.likelihood_ratio
        return ratio * max(self._likelihoods[rival.source.ref] for rival in rivals if self._is_learned(rival))

    def _score(self, statement: Statement[Finding]) -> float:
        score = statement.finding.score
        return self._settings.missing_score if score is None else score
