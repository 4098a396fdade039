"""What a reader asks for, as it stands in the URL: the URL is the whole state of a page.

    ?round=1&label=dog&label=cat&score=0-0.5&q=ball&sort=score&page=2

    Query(round=1, chosen={"label": ("cat", "dog")}, ranges={"score": (0.0, 0.5)}, text="ball", sort="score", page=2)

Values of one facet are alternatives; facets, ranges and the text must all hold.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from urllib.parse import urlencode

FACETS = {
    "label": "Label",
    "status": "Status",
    "annotator": "Annotator",
    "rule": "Dropped by",
    "votes": "Fewest votes",
    "texts": "Texts",
    "words": "Words in the picture",
    "change": "Since the last round",
}
RANGES = {"score": "Lowest score", "objects": "Objects", "drops": "Dropped findings"}
SORTS = {
    "corpus": "Corpus order",
    "score": "Lowest score first",
    "votes": "Fewest votes first",
    "drops": "Most dropped first",
    "objects": "Most objects first",
    "suspects": "Most suspicious labels first",
    "random": "Random, the same for everybody",
}
PAGE_SIZE = 60


@dataclass(frozen=True)
class Query:
    """Which images, in which order, and which page of them (from 0)."""

    round: int
    chosen: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    ranges: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    text: str = ""
    sort: str = "corpus"
    page: int = 0

    def url(self) -> str:
        """The query as it stands after the "?"."""
        pairs: list[tuple[str, str]] = [("round", str(self.round))]
        pairs += [(name, value) for name, values in self.chosen.items() for value in values]
        pairs += [(name, f"{low:g}-{high:g}") for name, (low, high) in self.ranges.items()]
        pairs += [("q", self.text)] if self.text else []
        pairs += [("sort", self.sort)] if self.sort != "corpus" else []
        pairs += [("page", str(self.page))] if self.page else []
        return urlencode(pairs)

    def toggled(self, facet: str, value: str) -> "Query":
        """With a value of a facet chosen, or no more chosen; from the first page."""
        values = set(self.chosen.get(facet, ())) ^ {value}
        return replace(self, chosen=_without_empty({**self.chosen, facet: tuple(sorted(values))}), page=0)

    def ranged(self, name: str, low: float, high: float) -> "Query":
        """With one range set, or removed if it is the one that is set."""
        rest = {other: limits for other, limits in self.ranges.items() if other != name}
        if self.ranges.get(name) != (low, high):
            rest[name] = (low, high)
        return replace(self, ranges=rest, page=0)

    def of_round(self, number: int) -> "Query":
        """The same of another round, from the first page."""
        return replace(self, round=number, page=0)

    def at(self, page: int) -> "Query":
        """Another page."""
        return replace(self, page=page)

    def sorted_by(self, sort: str) -> "Query":
        """In another order, from the first page."""
        return replace(self, sort=sort, page=0)

    @property
    def narrowed(self) -> bool:
        """Whether anything but the order is chosen."""
        return bool(self.chosen or self.ranges or self.text)

    @property
    def identity(self) -> tuple[object, ...]:
        """What decides about the images and their order."""
        return (self.round, tuple(self.chosen.items()), tuple(self.ranges.items()), self.text, self.sort)


def read_query(pairs: Iterable[tuple[str, str]], default_round: int) -> Query:
    """The query in the parameters of a URL; what it does not know, or cannot read, it leaves out."""
    chosen: dict[str, set[str]] = {}
    ranges: dict[str, tuple[float, float]] = {}
    plain: dict[str, str] = {}
    for name, value in pairs:
        if name in FACETS:
            chosen.setdefault(name, set()).add(value)
        elif name in RANGES:
            limits = _limits(value)
            ranges |= {name: limits} if limits else {}
        else:
            plain[name] = value
    return Query(
        round=natural(plain.get("round", ""), default_round),
        chosen={name: tuple(sorted(chosen[name])) for name in FACETS if name in chosen},
        ranges={name: ranges[name] for name in RANGES if name in ranges},
        text=plain.get("q", "").strip(),
        sort=plain.get("sort", "") if plain.get("sort", "") in SORTS else "corpus",
        page=natural(plain.get("page", ""), 0),
    )


def _limits(value: str) -> tuple[float, float] | None:
    low, _, high = value.partition("-")
    try:
        return float(low), float(high)
    except ValueError:
        return None


def natural(value: str, default: int) -> int:
    """A number of an address, in ASCII digits; `default` for anything else."""
    return int(value) if value.isascii() and value.isdigit() and len(value) < 10 else default


def _without_empty(chosen: Mapping[str, tuple[str, ...]]) -> dict[str, tuple[str, ...]]:
    return {name: chosen[name] for name in FACETS if chosen.get(name)}
