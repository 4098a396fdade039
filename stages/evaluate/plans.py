"""The rounds that a round is compared with: without its filters, with some of them, with one annotator alone.

    unfiltered(plan)                   what the annotators said, fused: every rule off
    filter_steps(plan)                 {"raw": ..., "+ confidence": ..., ..., "+ texts": ...}, one step more each
    raw_alone(plan, ("detector",))     what these annotators said, every rule off
    areas_of(findings)                 what somebody who said this can be measured by

A step's plan differs from the one before it in one part of the settings only, so what a measure gains or loses from
one to the next is what that part pays or costs. All of them run over the raw columns: no model is called.
"""

from collections.abc import Iterable
from dataclasses import replace

from filters.confidence import ConfidenceSettings
from filters.region import RegionSettings
from shards.finding import Caption, Detection, Finding, Mask, Match, OcrLine, PhraseGrounding
from shards.settings import switched_off
from stages.fuse.settings import UNION
from stages.round import RoundPlan


def unfiltered(plan: RoundPlan) -> RoundPlan:
    """The same round with every filter, label correction and the consensus rule switched off: what each setting says
    of itself (`shards.settings.Off`)."""
    return replace(plan, fuse=switched_off(plan.fuse), filters=switched_off(plan.filters))


def filter_steps(plan: RoundPlan) -> dict[str, RoundPlan]:
    """Name of the step -> its plan, from no rule at all to all but the rules for phrases; with those it is `plan`.
    Label correction is a step only where the settings ask for it; where they have filters of the user's own, the rules
    for phrases are a step, too, and `plan` has the own filters beyond it."""
    raw, filters = unfiltered(plan), plan.filters
    corrected = replace(raw, fuse=raw.fuse.model_copy(update={"labels": plan.fuse.labels}))
    confident = raw.filters.model_copy(update={"region": _confidence(filters.region), "ocr": _confidence(filters.ocr)})
    boxes = raw.filters.model_copy(update={"region": filters.region, "ocr": filters.ocr})
    texts = boxes.model_copy(update={"text": filters.text})
    phrases = filters.model_copy(update={"custom": []})
    return {
        "raw": raw,
        "+ confidence": replace(raw, filters=confident),
        **({"+ labels": replace(corrected, filters=confident)} if plan.fuse.labels else {}),
        "+ consensus": replace(plan, filters=confident),
        "+ boxes": replace(plan, filters=boxes),
        "+ texts": replace(plan, filters=texts),
        **({"+ phrases": replace(plan, filters=phrases)} if filters.custom else {}),
    }


def raw_alone(plan: RoundPlan, names: Iterable[str]) -> RoundPlan:
    """What the annotators `names` of the round said, every filter off, and trusted as in the round: with their own
    scores, not with what these are worth beside others. The loop's model gives way to nobody: that policy is about the
    round."""
    chosen = set(names)
    voters = tuple(replace(voter, worth=None) for voter in plan.annotators if voter.name in chosen)
    trust = {name: weight for name, weight in plan.fuse.trust.items() if name in chosen}
    fuse = plan.fuse.model_copy(update={"trust": trust, "merge": UNION})
    return unfiltered(replace(plan, annotators=voters, fuse=fuse, calibration=None))


def areas_of(findings: Iterable[Finding]) -> set[str]:
    """What findings say anything about: areas of `stages.evaluate.report`, captions with their granularity
    ("captions/brief"). A box without a label says nothing of the text of its region."""
    areas: set[str] = set()
    for finding in findings:
        areas |= _areas(finding)
    return areas


def _areas(finding: Finding) -> set[str]:
    match finding:
        case Detection():
            named, outlined = {"regions"} if finding.text else set(), {"masks"} if finding.polygons else set()
            return {"boxes"} | named | outlined
        case Caption():
            return {"regions" if finding.about else f"captions/{finding.granularity}"}
        case Match():  # a judgement of a text about the image is no new label
            return set() if finding.granularity else {"regions"}
        case PhraseGrounding():
            return {"phrases"}
        case Mask():
            return {"masks"}
        case OcrLine():
            return {"words"}


def _confidence(settings: RegionSettings) -> RegionSettings:
    """Only the confidence thresholds of `settings`, which keep their class."""
    own = {name: getattr(settings, name) for name in ConfidenceSettings.model_fields}
    return switched_off(settings).model_copy(update=own)
