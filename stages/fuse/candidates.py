"""The texts a region could have, the one it gets, and its mask.

Comes in: a cluster and what was said about its boxes. Goes out: candidates in the order phrase, brief, chunk (for a
text region only its ocr), the index of the selected one, polygons, and the statements that were used.

    phrase "dog" 0.61 | brief "a brown dog with a ball" 0.84 <- selected | chunk "a brown dog" 0.79

Selection is Florence-2's (section 4.2, "region-text"): the most similar text in the eyes of the matcher. A tie, and a
round without a matcher, goes to the first in the order above. A candidate that the matcher did not see (it looked at
the boxes of one detector only, say) loses against one that it saw. With several matchers the first in the config
decides: similarities of different models do not compare. Where the label was corrected (`labels.py`), the new one comes
before all others.
"""

from dataclasses import dataclass, field
from typing import Literal

from filters.verdict import Verdict, dropped
from shards.finding import Caption, Detection, Mask, Match, Polygons
from shards.folding import normalised
from shards.geometry import iou
from shards.record import Candidate
from stages.calibrate.consensus import Consensus
from stages.fuse.boxes import Cluster
from stages.fuse.ledger import Boxed, Remark, Statement, of_type
from stages.fuse.masks import likeliest_first
from stages.fuse.settings import FuseSettings

_DUPLICATE = dropped("fuse.duplicate_candidate")
_EMPTY = dropped("fuse.empty_text")
_NOT_A_CANDIDATE = dropped("fuse.not_a_candidate")
_OTHER_MATCHER = dropped("fuse.other_matcher")
_OTHER_MASK = dropped("fuse.other_mask")
_EMPTY_MASK = dropped("fuse.empty_mask")

CandidateKind = Literal["phrase", "brief", "chunk", "ocr"]
CandidateKey = tuple[CandidateKind, str]
"""Kind of candidate and normalised text."""
_Named = Boxed | Statement[Caption] | Statement[Match]


@dataclass(eq=False)
class Draft:
    """What a cluster has become. `unused` statements are about its boxes, yet in no part of the region."""

    cluster: Cluster
    candidates: list[Candidate] = field(default_factory=list)
    selected: int = 0
    polygons: Polygons | None = None
    used: list[Remark] = field(default_factory=list)
    unused: list[tuple[Remark, Verdict]] = field(default_factory=list)


def draft(
    cluster: Cluster, about: dict[str, list[Remark]], settings: FuseSettings, worth: Consensus | None = None
) -> Draft:
    """The region of a cluster; without candidates if nothing names it. `about`: what was said of each reference.
    worth: what masks are worth, where that is known."""
    out = Draft(cluster)
    remarks = [remark for member in cluster.members for remark in about.get(member.source.ref, [])]
    similarities = _similarities(of_type(remarks, Match), out)
    named: dict[CandidateKey, _Named] = {}
    kind: CandidateKind = "phrase" if cluster.quad is None else "ocr"
    for member in cluster.named():
        named[(kind, normalised(member.finding.text))] = member
    _add_crop_texts(of_type(remarks, Caption), named, out)
    _add_chunks(similarities, named)
    for slot, statement in named.items():
        similarity = similarities[slot][0].finding.score if slot in similarities else None
        out.candidates.append(Candidate(slot[0], statement.finding.text, similarity, statement.source))
    for slot, matches in similarities.items():
        _settle(matches, out, None if slot in named else _NOT_A_CANDIDATE)
    out.selected = _selected(out, settings)
    if cluster.renamed is not None:
        _lead(out, cluster.renamed)
    _add_mask(of_type(remarks, Mask), worth, out)
    return out


def choose_mask(masks: list[Statement[Mask]], out: list[tuple[Remark, Verdict]]) -> Statement[Mask] | None:
    """The first mask that is not empty; the verdicts on all others go to `out`."""
    chosen = next((mask for mask in masks if mask.finding.polygons), None)
    out += [(mask, _OTHER_MASK if mask.finding.polygons else _EMPTY_MASK) for mask in masks if mask is not chosen]
    return chosen


def _similarities(matches: list[Statement[Match]], out: Draft) -> dict[CandidateKey, list[Statement[Match]]]:
    """Per slot the matches of the first matcher, the most similar first."""
    similarities: dict[CandidateKey, list[Statement[Match]]] = {}
    matcher = matches[0].source.annotator if matches else ""
    for match in matches:
        if match.source.annotator != matcher:
            out.unused.append((match, _OTHER_MATCHER))
            continue
        similarities.setdefault((match.finding.slot or "phrase", normalised(match.finding.text)), []).append(match)
    return {
        slot: sorted(of_text, key=lambda match: -(match.finding.score or 0.0)) for slot, of_text in similarities.items()
    }


def _add_crop_texts(texts: list[Statement[Caption]], named: dict[CandidateKey, _Named], out: Draft) -> None:
    for caption in texts:
        slot: CandidateKey = ("brief", normalised(caption.finding.text))
        if not slot[1] or slot in named:
            out.unused.append((caption, _DUPLICATE if slot[1] else _EMPTY))
            continue
        named[slot] = caption
        out.used.append(caption)


def _add_chunks(similarities: dict[CandidateKey, list[Statement[Match]]], named: dict[CandidateKey, _Named]) -> None:
    """A chunk's candidate comes from the matcher, which took it out of the crop's text."""
    for slot, matches in similarities.items():
        if slot[0] == "chunk" and slot[1]:
            named[slot] = matches[0]


def _settle(matches: list[Statement[Match]], out: Draft, verdict: Verdict | None) -> None:
    for match in matches:
        if verdict is None:
            out.used.append(match)
        else:
            out.unused.append((match, verdict))


def _selected(out: Draft, settings: FuseSettings) -> int:
    cluster = out.cluster
    decides = cluster.is_reviewed or settings.given_label == "selected"
    stays = _is_named_by_people(cluster) and not cluster.renamed and decides
    if cluster.quad is not None or stays:
        return 0
    scores = [-1.0 if candidate.similarity is None else candidate.similarity for candidate in out.candidates]
    return scores.index(max(scores)) if scores else 0


def _is_named_by_people(cluster: Cluster) -> bool:
    """Whether a person gave it the label that it has, judged by a calibration or not."""
    label = normalised(cluster.label)
    return bool(label) and any(
        member.is_human and normalised(member.finding.text) == label for member in cluster.members
    )


def _lead(out: Draft, label: Candidate) -> None:
    """Put the corrected label before all others. It borrowed its similarity, so it takes no part in the selection."""
    chosen = out.candidates[out.selected]
    out.candidates = [label, *(candidate for candidate in out.candidates if candidate != label)]
    out.selected = out.candidates.index(chosen)


def _add_mask(masks: list[Statement[Mask]], worth: Consensus | None, out: Draft) -> None:
    """The mask of the best vote; if it has none, the one whose prompt lies best on the region. Where it is known what
    masks are worth, the most probable one."""
    own = next((member for member in of_type(out.cluster.members, Detection) if member.finding.polygons), None)
    if own is None and not masks:
        return
    members = {member.source.ref: member for member in out.cluster.members}
    best = out.cluster.members[0].source.ref

    def fit(mask: Statement[Mask]) -> float:
        prompt = members[mask.finding.about].box
        return iou(prompt, out.cluster.box) if prompt else 0.0

    def rank(mask: Statement[Mask]) -> tuple[bool, float]:
        return mask.finding.about != best, -fit(mask)

    if own is not None and (own.given or not masks):
        out.polygons = own.finding.polygons  # drawn by the one who drew the box; the segmenters' are not needed
        out.unused += [(mask, _OTHER_MASK if mask.finding.polygons else _EMPTY_MASK) for mask in masks]
        return
    chosen = choose_mask(likeliest_first(sorted(masks, key=rank), worth, fit), out.unused)
    if chosen is not None:
        out.polygons = chosen.finding.polygons
        out.used.append(chosen)
