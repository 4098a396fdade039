"""`fld show`: one record in words and as a picture."""

from rich.table import Table

from engine.config.config_text import ConfigError
from engine.report.draw import draw
from engine.terminal import out
from shards.reader import Corpus, Round
from shards.record import Record, Region
from stages.ingest.decode import decode
from stages.ingest.settings import DecodeLimits

UNLIMITED = DecodeLimits(max_pixels=2**40, max_bytes=2**40)  # ingest has judged it already


def show(corpus: str, key: str, number: int, picture: str | None, *, dropped: bool, groundings: bool = False) -> None:
    """Print the record of `key` and save it drawn as `picture` (default: the key, as a file name in this folder).
    With `groundings` the boxes of grounded phrases are drawn, too."""
    opened = Corpus(corpus)
    if number not in opened.rounds():
        raise ConfigError(f"{corpus} has no round {number}: it has {opened.rounds() or 'none'}; run `fld run` first")
    round_ = opened.round(number)
    try:
        record = round_.record(key)
    except KeyError:
        raise ConfigError(_not_there(round_, key)) from None
    out.print(f"[bold]{record.key}[/]  {record.width}x{record.height}  {record.uri}  round {record.round}")
    for table in (_texts(record), _regions(record), _groundings(record), *([_drops(round_, key)] if dropped else [])):
        if table.row_count:
            out.print(table)
    path = picture or f"{key.replace('/', '_')}.png"
    draw(decode(round_.image(key), UNLIMITED), record, groundings=groundings).save(path)
    out.print(f"picture: {path}")


def _not_there(round_: Round, key: str) -> str:
    import pyarrow.compute as pc

    rows = round_.index(["key", "type", "rule", "text"], pc.field("key") == key).to_pylist()
    why = [row for row in rows if row["type"] == "image"]
    if why:
        return f"image {key!r} is not in this round: {why[0]['rule']} {why[0]['text']}".rstrip()
    return f"no image {key!r} in this round; keys look like {', '.join(map(repr, round_.keys()[:3]))}"


def _texts(record: Record) -> Table:
    table = _table("text", "granularity", "score", "from")
    for text in record.texts:
        table.add_row(text.text, text.granularity, _number(text.source.score), text.source.ref)
    return table


def _regions(record: Record) -> Table:
    table = _table("region", "kind", "label", "score", "box", "mask", "other candidates", "votes")
    for region in record.regions:
        votes = ", ".join(f"{vote.source.ref} {_number(vote.score)}" for vote in region.votes)
        box = " ".join(f"{value:.0f}" for value in region.box)
        mask = "yes" if region.polygons else ""
        table.add_row(region.text, region.kind, named(region), _number(region.score), box, mask, _others(region), votes)
    return table


def named(region: Region) -> str:
    """What it is called, and by whom if no vote says so: `fuse.labels` corrected it."""
    named = next((each for each in region.candidates if each.kind == "phrase"), None)
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
    table = _table("phrase", "of", "span", "score", "boxes")
    for grounding in record.groundings:
        places = "; ".join(
            f"{' '.join(f'{value:.0f}' for value in place.box)} {_number(place.score)} {place.region_id or ''}".strip()
            for place in grounding.boxes
        )
        span = f"{grounding.span[0]}-{grounding.span[1]}"
        table.add_row(grounding.phrase, grounding.text_id, span, _number(grounding.score), places)
    return table


def _drops(round_: Round, key: str) -> Table:
    import pyarrow.compute as pc

    table = _table("dropped", "type", "rule", "value", "threshold", "from")
    wanted = ["text", "type", "rule", "value", "threshold", "ref", "kept", "key"]
    for row in round_.index(wanted, (pc.field("key") == key) & ~pc.field("kept")).to_pylist():
        value, threshold = _number(row["value"]), _number(row["threshold"])
        table.add_row(row["text"], row["type"], row["rule"], value, threshold, row["ref"])
    return table


def _table(*headings: str) -> Table:
    table = Table(box=None, pad_edge=False)
    for heading in headings:
        table.add_column(heading, overflow="fold")
    return table


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.2f}"
