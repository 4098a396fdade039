"""The features of many texts in, the averages of the paper's Table 3 out: how much a corpus says per text.

python -m filters.elements CAPTIONS.txt     one text per line, the bundled parser; prints a markdown table
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from filters.features import TextFeatures
from filters.parser import Parser, ParserSettings


class Elements(NamedTuple):
    """Means per text, and of the degree in the dependency tree per object and per action (Florence-2, Table 3)."""

    texts: int
    tokens: float
    objects: float
    attributes: float
    actions: float
    proper_nouns: float
    object_complexity: float
    action_complexity: float


def mean_elements(features: Sequence[TextFeatures]) -> Elements:
    """The averages over all texts; zeros where there is nothing to average."""
    objects = [degree for text in features for degree in text.object_degrees]
    actions = [degree for text in features for degree in text.action_degrees]
    return Elements(
        len(features),
        _mean([text.tokens for text in features]),
        _mean([text.objects for text in features]),
        _mean([text.attributes for text in features]),
        _mean([text.actions for text in features]),
        _mean([text.proper_nouns for text in features]),
        _mean(objects),
        _mean(actions),
    )


def _mean(values: Sequence[int]) -> float:
    return round(sum(values) / max(1, len(values)), 2)


def main() -> None:
    """Prints the table for a file of texts."""
    arguments = argparse.ArgumentParser(prog="python -m filters.elements", description=__doc__)
    arguments.add_argument("captions", type=Path, help="text file, one text per line")
    arguments.add_argument("--pipeline", default=None, help="another spaCy pipeline than the bundled one")
    given = arguments.parse_args()
    parser = Parser(ParserSettings(pipeline=given.pipeline))
    parser.load()
    texts = [line for line in given.captions.read_text(encoding="utf-8").splitlines() if line.strip()]
    means = mean_elements([parsed.features for parsed in parser.parse(texts)])
    for row in (Elements._fields, ["---"] * len(means), [str(mean) for mean in means]):
        sys.stdout.write("| " + " | ".join(name.replace("_", " ") for name in row) + " |\n")


if __name__ == "__main__":
    main()
