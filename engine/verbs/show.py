"""`fld show`: one record in words and as a picture, as `engine/api/show.py` finds it."""

import re
from pathlib import Path

import msgspec
from rich.table import Table
from rich.text import Text

from engine.api import show as api
from engine.config.config_text import ConfigError
from engine.console.terminal import console, out
from engine.report.drops import DASHED, by_rule
from shards.reader import Row
from shards.record import Record, Region
from shards.tar import safe_key

NEAREST = 5
"""Findings per rule that are listed: those nearest to its threshold."""
_LONGEST_NAME = 120
_PICTURES = (".png", ".jpg", ".jpeg", ".webp")
_WIDE = 10_000
"""Columns where there is no terminal: a line per row, whatever its length, for `grep` and `cut`."""
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")


def show(
    corpus: str,
    key: str,
    number: int,
    picture: str | None,
    *,
    dropped: bool,
    groundings: bool = False,
    draw_dropped: bool = False,
    json: bool = False,
) -> None:
    """Print the record of `key` and save it drawn as `picture` (default: key and round, as a file name in this folder).
    With `groundings` the boxes of grounded phrases are drawn, too, with `draw_dropped` what the rules dropped. json:
    print it for machines; a picture is drawn only if one is named."""
    if picture is not None and Path(picture).suffix.lower() not in _PICTURES:
        raise ConfigError(f"--out {picture}: a picture's name ends in {', '.join(_PICTURES)}")
    shown = api.show(corpus, key, round=number)
    if json:
        out.file.write(msgspec.json.encode({"record": shown.record, "dropped": shown.dropped}).decode() + "\n")
    else:
        _print(shown.record, shown.dropped if dropped else [])
    if picture or not json:
        path = picture or picture_name(key, number)
        shown.picture(groundings=groundings, dropped=draw_dropped).save(path)
        if not json:
            out.print(f"picture: {path}{_left_out(shown.dropped) if draw_dropped else ''}")


def _left_out(dropped: list[Row]) -> str:
    """How many of the boxes are drawn, where it is not all."""
    boxed = sum(row["box"] is not None for row in dropped)
    return f"  ({DASHED} of {boxed:,} dropped boxes, the nearest to their thresholds)" if boxed > DASHED else ""


def picture_name(key: str, number: int) -> str:
    """`picture_name("photos/dog", 1)` is "photos_dog.round1.png"."""
    return f"{safe_key(key).replace('/', '_')[:_LONGEST_NAME]}.round{number}.png"


def _print(record: Record, dropped: list[Row]) -> None:
    head = Text(_plain(record.key), style="bold")
    head.append(f"  {record.width}x{record.height}  {_plain(record.uri)}  round {record.round}", style="not bold")
    out.print(head, soft_wrap=True)
    for missing in record.missing or ():
        out.print(Text(_plain(f"missing  {missing.annotator}: {missing.reason}"), style="yellow"), soft_wrap=True)
    for table in (_texts(record), _regions(record), _groundings(record), _drops(dropped)):
        if table.row_count:
            (out if out.is_terminal else console(out.file, width=_WIDE)).print(table)


def _texts(record: Record) -> Table:
    table = _table("id", "text", "granularity", "score", "from")
    for text in record.texts:
        _add(table, text.id, text.text, text.granularity, _number(text.source.score), text.source.ref)
    return table


def _regions(record: Record) -> Table:
    table = _table("id", "region", "kind", "label", "score", "box", "mask", "other candidates", "votes")
    for region in record.regions:
        votes = ", ".join(f"{vote.source.ref} {_number(vote.score)}" for vote in region.votes)
        box = " ".join(f"{value:.0f}" for value in region.box)
        mask = "yes" if region.polygons else ""
        score, others = _number(region.score), _others(region)
        _add(table, region.id, region.text, region.kind, named(region), score, box, mask, others, votes)
    return table


def named(region: Region) -> str:
    """What it is called, and by whom if no vote says so: `fuse.labels` corrected it."""
    named = next((candidate for candidate in region.candidates if candidate.kind == "phrase"), None)
    if named is None:
        return ""
    voters = {vote.source.ref for vote in region.votes}
    return named.text if named.source.ref in voters else f"{named.text} (by {named.source.ref})"


def _others(region: Region) -> str:
    return "; ".join(
        f"{candidate.kind}: {candidate.text} {_number(candidate.similarity)}".strip()
        for index, candidate in enumerate(region.candidates)
        if index != region.selected
    )


def _groundings(record: Record) -> Table:
    table = _table("id", "phrase", "of", "span", "score", "boxes")
    for index, grounding in enumerate(record.groundings):
        places = "; ".join(
            f"{' '.join(f'{value:.0f}' for value in place.box)} {_number(place.score)} {place.region_id or ''}".strip()
            for place in grounding.boxes
        )
        span = f"{grounding.span[0]}-{grounding.span[1]}"
        _add(table, f"g{index}", grounding.phrase, grounding.text_id, span, _number(grounding.score), places)
    return table


def _drops(rows: list[Row]) -> Table:
    table = _table("dropped by", "how many", "nearest", "value", "threshold", "from")
    for group in by_rule(rows):
        for place, row in enumerate(group.rows[:NEAREST]):
            rule, count = (group.rule, f"{group.count:,}") if place == 0 or not out.is_terminal else ("", "")
            what = row["text"] or f"({row['type']})"
            _add(table, rule, count, what, _number(row["value"]), _number(row["threshold"]), row["ref"])
    return table


def _table(*headings: str) -> Table:
    table = Table(box=None, pad_edge=False)
    for heading in headings:
        table.add_column(heading, overflow="fold", no_wrap=not out.is_terminal)
    return table


def _add(table: Table, *cells: str) -> None:
    table.add_row(*(Text(_plain(cell)) for cell in cells))


def _plain(text: str) -> str:
    """What cannot be seen, or would steer a terminal, as its number."""
    return _CONTROL.sub(lambda match: match[0].encode("unicode_escape").decode(), text)


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.2f}"
