"""What a round hears of its annotators: what they said, with the scores of the loop's models as probabilities.

    heard({"yolo": [...], "generalist": [dog 0.90]}, voters)      {"yolo": [...], "generalist": [dog 0.71]}

A model of the loop is heard among those that did not learn from it: what came with the image and the annotators of the
corpus.
"""

from collections.abc import Mapping, Sequence
from itertools import chain

from shards.finding import GIVEN, Finding
from stages.fuse.ledger import Voter


def heard(findings: Mapping[str, Sequence[Finding]], voters: Sequence[Voter]) -> Mapping[str, Sequence[Finding]]:
    """findings: annotator -> all it said about one image, what was given among them."""
    if not any(voter.worth for voter in voters):
        return findings
    names = [GIVEN, *(voter.name for voter in voters if voter.round == 0 and voter.worth is None)]
    others = list(chain.from_iterable(findings.get(name, ()) for name in dict.fromkeys(names)))
    return {
        **findings,
        **{
            voter.name: voter.worth.mapped(findings[voter.name], others)
            for voter in voters
            if voter.worth is not None and voter.name in findings
        },
    }
