"""What one model says by itself, as records: through the filters of its corpus, with nobody to agree with.

Comes in: image rows and what the model said of each. Goes out: the records of a round in which it is the only
annotator. What came with the images is left out, too: a human's label is not the model's merit.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import msgspec

from shards.images import ImageRow
from shards.raw import RawRow
from shards.record import Record
from stages.fuse.ledger import Voter
from stages.fuse.settings import UNION, ConsensusRule, ConsensusSettings
from stages.round import RoundPlan, TextParser, build_shard


def filtered_alone(plan: RoundPlan, voter: Voter) -> RoundPlan:
    """The round of `plan` with one annotator, whose every label is believed that the filters let pass."""
    fuse = plan.fuse.model_copy(
        update={"trust": {}, "merge": UNION, "consensus": ConsensusSettings(), "word_consensus": ConsensusRule()}
    )
    return replace(plan, annotators=(replace(voter, worth=None),), fuse=fuse, calibration=None)


def filtered_records(
    rows: Sequence[ImageRow], answers: Mapping[str, RawRow], plan: RoundPlan, parser: TextParser
) -> list[Record]:
    """The records of `rows` under a `filtered_alone` plan; an image that failed has none. `answers`: key -> raw row."""
    [annotator] = plan.annotators
    bare = [msgspec.structs.replace(row, given=[]) for row in rows]
    outcomes = build_shard(bare, {annotator.name: answers}, plan, {}, parser)
    return [outcome.record for outcome in outcomes if outcome.record is not None]
