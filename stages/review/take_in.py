"""Corrections into the corpus: every line is checked before one is written.

    taken = take_in(store, read_file("corrections.jsonl", data), Made("ann", now, 0))
    taken.new, taken.known, taken.mistakes          12, 2, ["line 7: no field 'lable': did you mean 'label'?"]

Comes in: lines, or pictures as they are in another tool, with their numbers. Goes out: units of `shards/reviews.py`,
one per image shard; nothing where there is a mistake. What changes nothing is counted and not written, so that a file
may be read twice.
"""

import difflib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from shards.lookup import read_keys
from shards.reader import Corpus, Round
from shards.record import Record
from shards.review_log import ReviewLog
from shards.reviews import Review, Reviews, append_reviews
from shards.store import Store
from stages.fuse.corrections import fresh
from stages.ingest.entry import SourceError
from stages.ingest.rows import decode_json, lines_of
from stages.review.compare import corrections
from stages.review.cvat import read_images
from stages.review.label_studio import is_export, read_tasks
from stages.review.lines import LineError, Made, read_line, whole
from stages.review.sheet import Sheet

LocatedEntry = tuple[str, object]
"""Where it stands ("line 7"), and a line, a sheet or a mistake."""
_SHARDS_SEARCHED = 20
_HINTS = 3


@dataclass
class Taken:
    """What became of the corrections of a file. known: those that change nothing, of them repeated: their ids are those
    of other things now, or of none, since they were applied. mistakes: one sentence each; nothing was written if there
    is one."""

    read: int = 0
    new: int = 0
    known: int = 0
    repeated: int = 0
    mistakes: list[str] = field(default_factory=list)


def read_file(name: str, data: bytes) -> Iterator[LocatedEntry]:
    """The corrections of a file: jsonl (or a JSON array of the same), Label Studio's JSON, CVAT's XML. Raises
    SourceError for what is none of them."""
    if name.lower().endswith(".xml"):
        try:
            yield from ((f"image {number}", item) for number, item in read_images(data))
        except LineError as error:
            raise SourceError(f"{name}: {error}") from error
        return
    lines = [line for line in lines_of(data) if line.strip()]
    if not (lines and lines[0].lstrip().startswith("[")):
        for number, line in enumerate(lines_of(data), 1):
            if line.strip():
                yield f"line {number}", _json(line)
        return
    entries = _json(data)
    if isinstance(entries, LineError) or not isinstance(entries, list):
        raise SourceError(f"{name}: {entries}" if isinstance(entries, LineError) else f"{name}: must be a list")
    if is_export(entries):
        yield from ((f"task {number}", item) for number, item in read_tasks(entries))
    else:
        yield from ((f"entry {number}", item) for number, item in enumerate(entries, 1))


def take_in(
    store: Store,
    entries: Iterable[LocatedEntry],
    made: Made,
    accept_rest: bool = False,
    log: ReviewLog | None = None,
    *,
    may_repeat: bool = False,
) -> Taken:
    """Check and write. made: who, when and which round, where the file does not say. accept_rest: what somebody left as
    it was in another tool is accepted. log: what is there already, of who asks often. may_repeat: lines may have come
    before, when the round had other ids (`stages/review/lines.py`)."""
    log = log or ReviewLog(store)
    reader = _Reader(store, made, accept_rest, log if may_repeat else None)
    taken = Taken()
    by_shard: Reviews = {}
    for place, entry in entries:
        try:
            for shard, review in reader.reviews(entry):
                taken.read += 1
                if any(review is earlier for earlier in reader.before(shard, review.key)):
                    taken.repeated += 1
                else:
                    by_shard.setdefault(shard, []).append(review)
        except LineError as error:
            taken.mistakes.append(f"{place}: {error}")
    if taken.mistakes:
        return taken
    there = log.of(by_shard.keys())
    for shard, reviews in sorted(by_shard.items()):
        news = fresh(reviews, there.get(shard, []))
        taken.new += len(news)
        if news:
            append_reviews(store, shard, news)
    taken.known = taken.read - taken.new
    return taken


class _Reader:
    """Looks up what lines refer to. Records are kept for the image that is being corrected only."""

    def __init__(self, store: Store, made: Made, accept_rest: bool, log: ReviewLog | None) -> None:
        self._store = store
        self._made = made
        self._accept_rest = accept_rest
        self._log = log
        self._earlier: dict[str, dict[str, list[Review]]] = {}
        self._rounds: dict[int, Round] = {}
        self._hints = _HINTS
        self._last: tuple[tuple[str, int], tuple[str, Record | None]] | None = None

    def reviews(self, entry: object) -> Iterator[tuple[str, Review]]:
        """(image shard, review). Raises LineError."""
        if isinstance(entry, LineError):
            raise entry
        if isinstance(entry, Sheet):
            yield from self._of_sheet(entry)
            return
        number = entry.get("round", self._made.round) if isinstance(entry, dict) else self._made.round
        shard, record = self._find(entry.get("key") if isinstance(entry, dict) else None, number)
        made = self._made._replace(round=number)
        if isinstance(entry, dict) and entry.get("target") == "all":
            yield from ((shard, read_line(line, record, made)) for line in whole(entry, record))
        else:
            earlier = self.before(shard, entry["key"]) if isinstance(entry, dict) else ()
            yield shard, read_line(entry, record, made, earlier)

    def before(self, shard: str, key: str) -> list[Review]:
        """What was taken in about an image before, where lines may come again."""
        if self._log is None:
            return []
        if shard not in self._earlier:
            by_key = self._earlier.setdefault(shard, {})
            for review in self._log.of([shard]).get(shard, []):
                by_key.setdefault(review.key, []).append(review)
        return self._earlier[shard].get(key, [])

    def _of_sheet(self, sheet: Sheet) -> Iterator[tuple[str, Review]]:
        number = self._made.round
        shard, record = self._find(sheet.key, number)
        if record is None:
            raise LineError(f"round {number} did not keep {sheet.key!r}: name the round that was exported")
        made = Made(sheet.who or self._made.who, sheet.when or self._made.when, number)
        for line in corrections(record, sheet.shapes, sheet.texts, self._accept_rest):
            yield shard, read_line(line, record, made)

    def _find(self, key: Any, number: Any) -> tuple[str, Record | None]:
        if not isinstance(key, str):
            raise LineError(f"key must be the key of an image, got {key!r}")
        if self._last is not None and self._last[0] == (key, number):
            return self._last[1]
        round_ = self._round(number)
        try:
            row = round_.find(key)
        except KeyError:
            raise LineError(f"no image {key!r}{self._similar(key)}") from None
        place = row["shard"], round_.record_of(row) if row["status"] == "kept" else None
        self._last = (key, number), place
        return place

    def _round(self, number: Any) -> Round:
        if number not in self._rounds:
            there = Corpus(self._store).rounds()
            if number not in there:
                raise LineError(f"round must be one of {there}, got {number!r}")
            self._rounds[number] = Round(self._store, number)
        return self._rounds[number]

    def _similar(self, key: str) -> str:
        """What was meant, looked for in some shards, and for the first few only: it takes a while."""
        if self._hints == 0:
            return ""
        self._hints -= 1
        shards = list(Corpus(self._store).shards())[:_SHARDS_SEARCHED]
        close = difflib.get_close_matches(
            key, [known for shard in shards for known in read_keys(self._store, shard)], 1
        )
        return f": did you mean {close[0]!r}?" if close else ""


def _json(text: str | bytes) -> object:
    try:
        return decode_json(text)
    except ValueError as error:
        return LineError(f"not JSON: {error}")
