"""One picture as it is in another tool now."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from stages.review.compare import MarkedShape


class Sheet(NamedTuple):
    """key: of the image. texts: granularity -> texts, None where the tool showed none. who, when: "" if not said."""

    key: str
    shapes: Sequence[MarkedShape]
    texts: Mapping[str, Sequence[str]] | None
    who: str = ""
    when: str = ""
