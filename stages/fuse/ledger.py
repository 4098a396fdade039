"""Where every raw finding went: the book-keeping of one image.

Comes in: each finding once, either kept as part of an annotation of the record or dropped by a rule. Goes out: index
rows, one per finding, in the order of the raw columns. `close` raises when a finding was forgotten, so that nothing
is lost silently.

    detector/0  region     kept     id=r0
    detector/1  region     dropped  rule=min_score value=0.12 threshold=0.3
    crops/0     candidate  kept     id=r0
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Generic, Literal, TypeVar, cast

import msgspec

from filters.verdict import KEPT, Verdict
from shards.finding import (
    GIVEN,
    REVIEWER,
    Box,
    Caption,
    Detection,
    Finding,
    Mask,
    Match,
    OcrLine,
    PhraseGrounding,
    box_of,
    reference,
    text_of,
)
from shards.geometry import clipped
from shards.record import Source
from shards.rounds import IndexRow
from stages.calibrate.worth import Worth

RowType = Literal["text", "region", "phrase", "candidate", "mask"]
_TYPES: Mapping[type[Finding], RowType] = {
    Detection: "region", OcrLine: "region", PhraseGrounding: "phrase", Mask: "mask", Match: "candidate",
    Caption: "candidate",
}  # fmt: skip
_WITH_GRANULARITY = (Caption, Match)
F = TypeVar("F", bound=Finding)
F_co = TypeVar("F_co", bound=Finding, covariant=True)


class ConservationError(RuntimeError):
    """A finding was lost or counted twice. A defect of the engine, never of the data: the shard is not written."""


@dataclass(frozen=True)
class Voter:
    """One column of a round. `round` is the one in which it entered the corpus; is_partial: whether it sees some images
    only, so that an image is whole without it. worth: what the scores of a model of the loop are worth, where that is
    known."""

    name: str
    role: str
    fingerprint: str
    round: int = 0
    is_partial: bool = False
    worth: Worth | None = None

    @property
    def content(self) -> str:
        """What a round hears of it: its column, and what its scores are mapped by."""
        if self.worth is None:
            return self.fingerprint
        return f"{self.fingerprint}+{sha256(' '.join(self.worth.facts()).encode()).hexdigest()[:8]}"


class Statement(msgspec.Struct, Generic[F_co], frozen=True, eq=False):
    """A finding, who said it, and its box inside the image: None without box or area."""

    finding: F_co
    source: Source
    box: Box | None = None

    @property
    def given(self) -> bool:
        """True for annotations that came with the image."""
        return self.source.annotator == GIVEN

    @property
    def is_reviewed(self) -> bool:
        """True for what a person corrected."""
        return self.source.annotator == REVIEWER

    @property
    def is_human(self) -> bool:
        """True for both."""
        return self.given or self.is_reviewed

    @property
    def type(self) -> RowType:
        """What the index calls it."""
        finding: Finding = self.finding
        return "text" if isinstance(finding, Caption) and not finding.about else _TYPES[type(finding)]


Boxed = Statement[Detection] | Statement[OcrLine]
"""What a region is made of."""
Remark = Statement[Caption] | Statement[Mask] | Statement[Match]
"""What is said about another statement."""


def of_type(stated: Iterable[Statement[Finding]], of: type[F]) -> list[Statement[F]]:
    """The statements of one type, in their order."""
    return cast("list[Statement[F]]", [statement for statement in stated if isinstance(statement.finding, of)])


def statements(voter: Voter, findings: Sequence[Finding], size_wh: tuple[int, int]) -> list[Statement[Finding]]:
    """The findings of one voter about one image of `size_wh` px, with their sources."""
    name, fingerprint, round_ = voter.name, voter.fingerprint, voter.round
    return [
        Statement(
            finding, Source(name, fingerprint, round_, finding.score, reference(name, index)), _place(finding, size_wh)
        )
        for index, finding in enumerate(findings)
    ]


def _place(finding: Finding, size_wh: tuple[int, int]) -> Box | None:
    box = box_of(finding)
    return clipped(box, *size_wh) if box else None


class Ledger:
    """The verdict on every statement about one image."""

    def __init__(self, key: str, stated: Sequence[Statement[Finding]]) -> None:
        self._key = key
        self._stated = stated
        self._refs = {statement.source.ref for statement in stated}
        self._entries: dict[str, tuple[str, Verdict]] = {}

    def keep(self, statement: Statement[Finding], id: str) -> None:
        """It is part of the annotation `id` of the record."""
        self._enter(statement, id, KEPT)

    def drop(self, statement: Statement[Finding], verdict: Verdict) -> None:
        """It is not in the record, because of `verdict`."""
        self._enter(statement, "", verdict)

    def open(self, statement: Statement[Finding]) -> bool:
        """True while nothing has been decided about it."""
        return statement.source.ref not in self._entries

    def knows(self, ref: str) -> bool:
        """A statement with this reference exists."""
        return ref in self._refs

    def kept(self) -> dict[str, str]:
        """Reference of every statement that is in the record -> the annotation that it is part of."""
        return {ref: id for ref, (id, verdict) in self._entries.items() if verdict.kept}

    def close(self) -> list[IndexRow]:
        """One row per statement, in their order. Raises ConservationError if one has no verdict."""
        lost = [statement.source.ref for statement in self._stated if self.open(statement)]
        if lost or len(self._entries) != len(self._stated):
            raise ConservationError(
                f"image {self._key!r}: {len(self._stated)} findings read, {len(self._entries)} accounted for;"
                f" without a verdict: {lost[:10]}"
            )
        return [self._row(statement, *self._entries[statement.source.ref]) for statement in self._stated]

    def _enter(self, statement: Statement[Finding], id: str, verdict: Verdict) -> None:
        if not self.open(statement):
            raise ConservationError(f"image {self._key!r}: finding {statement.source.ref} was given two verdicts")
        self._entries[statement.source.ref] = (id, verdict)

    def _row(self, statement: Statement[Finding], id: str, verdict: Verdict) -> IndexRow:
        finding, source = statement.finding, statement.source
        granularity = finding.granularity if isinstance(finding, _WITH_GRANULARITY) else None
        return IndexRow(
            key=self._key,
            id=id,
            type=statement.type,
            source=source.annotator,
            fingerprint=source.fingerprint,
            ref=source.ref,
            granularity=granularity or "",
            text=text_of(finding),
            score=finding.score,
            box=box_of(finding),
            kept=verdict.kept,
            rule=verdict.rule,
            value=verdict.value,
            threshold=verdict.threshold,
        )
