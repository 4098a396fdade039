"""Masks under a calibration: which of several is the likeliest to fill the thing.

Comes in: the masks of one region, in the order in which they would be taken. Goes out: the same, the most probable of
them first, where a voice is known of their annotators. The probability is of a mask on its own box: it counts as far as
that box lies on the region.
"""

from collections.abc import Callable, Sequence

from shards.finding import Mask
from stages.calibrate.consensus import Consensus, Sighting
from stages.fuse.ledger import Statement


def likeliest_first(
    masks: Sequence[Statement[Mask]], consensus: Consensus | None, fit: Callable[[Statement[Mask]], float]
) -> list[Statement[Mask]]:
    """fit: IoU of the box that a mask fills with that of the region. Masks of which nothing is known come last, in
    their order."""
    if consensus is None:
        return list(masks)

    def worth(mask: Statement[Mask]) -> float:
        name = mask.source.annotator
        if name not in consensus.voices:
            return 0.0
        return consensus.probability(Sighting("", {name: mask.finding.score})) * fit(mask)

    return sorted(masks, key=lambda mask: -worth(mask))
