"""A part of a corpus's images that an expensive annotator sees: chosen once, the same in every run.

    subset: {share: 0.05, seed: 1}                    one image in twenty, by the hash of its bytes
    subset: {keys: keys.txt}                          the images with these keys, one in a line
    subset: {share: 0.5, query: "key=street/* width>=640"}    of what fits the query, half

All that is set must hold. Each image is judged by itself: new ones change nothing for those that are there, and a
larger share has all images of a smaller one of the same seed, so that nothing is paid for twice.
"""

import hashlib
import re
from collections.abc import Callable
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Self

from pydantic import Field, model_validator

from shards.errors import SettingsError
from shards.finding import text_of
from shards.images import ImageRow
from shards.settings import Settings

_DIGITS = 13  # 52 bits: exact in a float
_TERM = re.compile(r"(key|uri|given|width|height)(=|>=|<)(\S+)")
_NUMBERS = ("width", "height")
Test = Callable[[ImageRow], bool]


class SubsetSettings(Settings):
    """Which images; with nothing set, all."""

    share: float | None = Field(None, gt=0, le=1, description="this share of them, by hash; null: all")
    keys: str | None = Field(None, description="a file with keys, one in a line; null: all")
    query: str = Field(
        "",
        description="terms, all of which must hold: key=street/* uri=*.png width>=640 height<2000 given=dog (a label"
        " that came with the image)",
    )
    seed: int = Field(1, description="of the share")

    @model_validator(mode="after")
    def _readable(self) -> Self:
        for term in self.query.split():
            match = _TERM.fullmatch(term)
            is_number = match is not None and match[1] in _NUMBERS
            if match is None or is_number == (match[2] == "=") or (is_number and not match[3].isdigit()):
                raise ValueError(
                    f"query must be of terms like key=street/* uri=*.png given=dog width>=640 height<2000, got {term!r}"
                )
        return self


@dataclass(frozen=True)
class Subset:
    """settings: what was wanted; keys: those of the file, None where there is none."""

    settings: SubsetSettings
    keys: frozenset[str] | None = None

    def has(self, row: ImageRow) -> bool:
        """Whether the image is in it."""
        of = self.settings
        if self.keys is not None and row.key not in self.keys:
            return False
        if of.share is not None and _order(of.seed, row.sha256) >= of.share:
            return False
        return all(_holds(term, row) for term in of.query.split())

    @property
    def identity(self) -> str:
        """Changes when another set of images may be meant."""
        keys = None if self.keys is None else sorted(self.keys)
        facts = f"{self.settings.share} {self.settings.query} {self.settings.seed} {keys}"
        return hashlib.sha256(facts.encode()).hexdigest()[:12]


def read_subset(settings: SubsetSettings | None) -> Subset | None:
    """The subset of these settings, its file read. Raises SettingsError if that is not there."""
    if settings is None:
        return None
    if settings.keys is None:
        return Subset(settings)
    try:
        lines = Path(settings.keys).read_text(encoding="utf-8").splitlines()
    except OSError as error:
        raise SettingsError(f"subset.keys: {settings.keys} must be a file with keys, one in a line: {error}") from error
    return Subset(settings, frozenset(line.strip() for line in lines if line.strip()))


def _order(seed: int, sha256: str) -> float:
    """In [0, 1), another order than the one that images are held out in."""
    digest = hashlib.sha256(f"{seed} {sha256}".encode()).hexdigest()
    return int(digest[:_DIGITS], 16) / 16.0**_DIGITS


def _holds(term: str, row: ImageRow) -> bool:
    match = _TERM.fullmatch(term)
    if match is None:  # validated
        return False
    name, sign, value = match.groups()
    if name == "given":
        return any(fnmatchcase(text_of(finding), value) for finding in row.given)
    if name in _NUMBERS:
        size: int = getattr(row, name)
        return size >= int(value) if sign == ">=" else size < int(value)
    return fnmatchcase(row.key if name == "key" else row.uri, value)
