"""The names of a detector's classes, as its checkpoint has them, and what is none.

Comes in: class numbers that a model answered, and the checkpoint's names. Goes out: a label per number:

    {0: "cat", 1: "N/A", 2: "LABEL_2", 3: ""}     0 -> "cat", 1, 2, 3 -> "" (a box without label)

COCO's unused numbers are called N/A, and transformers calls classes that nobody named LABEL_0, LABEL_1: neither says
what is in the box, and the box may still be right. A number without any entry is another matter: names that count from
1 where the model counts from 0 would each be given to the wrong class. That image fails, with the reason.
"""

import re
from collections.abc import Iterable, Mapping

from specialists.roles import ItemError

NO_NAME = re.compile(r"\W*|n/?a|none|null|unused|__background__|LABEL_\d+", re.IGNORECASE)


def class_labels(backend: str, numbers: Iterable[int], names: Mapping[int, object], image: int) -> list[str]:
    """The label of each class number; "" for a class that has none. image: the position in the batch that an ItemError
    names, for a number that is not among the names."""
    labels = []
    for number in numbers:
        if number not in names:
            raise ItemError(
                image,
                f"{backend}: class {number} has no name, the checkpoint names {_extent(names)}: number the names as the"
                " model does, from 0",
            )
        name = str(names[number]).strip()
        labels.append("" if NO_NAME.fullmatch(name) else name)
    return labels


def _extent(names: Mapping[int, object]) -> str:
    numbers = sorted(names)
    return f"{len(numbers)} from {numbers[0]} to {numbers[-1]}" if numbers else "none"
