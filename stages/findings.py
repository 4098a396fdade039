"""A role's output as findings, and the texts that findings hold: shared by the stages and the codec.

Comes in: `Detections`, `Words`, `Phrase`s of one image. Goes out: findings, nothing filtered, in the same order:

    object_findings(detections)   Detection("dog", 0.91, box=(12, 30.5, 200, 180.25))
"""

from collections.abc import Collection, Mapping, Sequence
from typing import cast

import numpy as np
from numpy.typing import NDArray

from shards.finding import Box, Caption, Detection, Finding, Granularity, OcrLine, PhraseGrounding, Quad, reference
from specialists.roles import Detections, Phrase, Words


def object_findings(detections: Detections) -> list[Finding]:
    """One detection per box."""
    boxes, scores = detections.boxes.tolist(), detections.scores.tolist()
    return [
        Detection(label, score, box=cast(Box, tuple(box)))
        for box, score, label in zip(boxes, scores, detections.labels, strict=True)
    ]


def word_findings(words: Words) -> list[Finding]:
    """One line per quad."""
    return [
        _word(quad, float(score), text)
        for quad, score, text in zip(words.quads, words.scores, words.texts, strict=True)
    ]


def phrase_findings(ref: str, text: str, phrases: list[Phrase]) -> list[Finding]:
    """One grounding per place of a phrase of `text`, which `ref` names; one without box for a phrase that was
    looked for and found nowhere."""
    findings: list[Finding] = []
    for phrase in phrases:
        span = (phrase.start, phrase.end)
        grounding = PhraseGrounding(text[phrase.start : phrase.end], about=ref, span=span, phrase_score=phrase.score)
        places = [
            _placed(grounding, cast(Box, tuple(box)), score)
            for box, score in zip(phrase.boxes.tolist(), phrase.box_scores.tolist(), strict=True)
        ]
        findings += places or [grounding]
    return findings


def texts_about_images(
    findings: Mapping[str, Sequence[Finding]], granularities: Collection[Granularity | None]
) -> list[tuple[str, str]]:
    """References and texts about the whole image, by annotator name, then position."""
    return [
        (reference(name, index), finding.text)
        for name in sorted(findings)
        for index, finding in enumerate(findings[name])
        if isinstance(finding, Caption) and not finding.about and finding.granularity in granularities
    ]


def _placed(grounding: PhraseGrounding, box: Box, score: float) -> PhraseGrounding:
    return PhraseGrounding(
        grounding.text, score, about=grounding.about, box=box, span=grounding.span, phrase_score=grounding.phrase_score
    )


def _word(quad: NDArray[np.float32], score: float, text: str) -> Finding:
    """quad: float32 [8]; the finding's box is its bounds."""
    x, y = quad[0::2], quad[1::2]
    box = tuple(float(value) for value in (x.min(), y.min(), x.max(), y.max()))
    corners = tuple(float(value) for value in quad)
    return OcrLine(text, score, box=cast(Box, box), quad=cast(Quad, corners))
