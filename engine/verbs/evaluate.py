"""`fld eval`: the labels of a round against gold, per filter stage and per annotator, or of all rounds side by side.

Comes in: a corpus, a gold file (`stages.evaluate.gold`), a round. Goes out: tables for people, and a JSON file:

    {"gold": {"path": "scenes/gold.jsonl", "read": 500, "elsewhere": 0, "unlabelled": 0, "left_out": 452},
     "images": 48, "held_out": 0.1, "resamples": 200,
     "rounds": {"0": {"stages": {"raw": {"boxes/recall": {"value": 0.91, "low": 0.88, "high": 0.94, "count": 171}}},
                      "annotators": {"detector": {...}}, "changes": {"kept - detector": {...}}}}}

Nothing is annotated for it: stages and single annotators are built again from the raw columns, `kept` is read from the
round's shards. A measure that has nothing to measure is null, with a count of 0.
"""

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import NamedTuple

from engine.config.config_text import ConfigError
from engine.report.eval_report import KEPT, RAW, Measured, Measures, as_json, round_tables, rounds_tables, with_changes
from engine.report.quality import RESAMPLES, areas_in, measure
from engine.runtime import plan as plans
from engine.runtime.column import GIVEN
from engine.runtime.refilter import inputs
from engine.session import Session, look
from engine.terminal import err, out
from filters.features import ElementWords
from filters.parser import ParsedText, Parser
from shards.commit import committed
from shards.images import ImageRow
from shards.layout import IMAGES
from shards.reader import Corpus
from shards.record import Record
from stages.evaluate.elements import element_quality
from stages.evaluate.gold import Gold, gold_of
from stages.evaluate.plans import alone, areas_of, filter_steps
from stages.evaluate.report import AREAS
from stages.round import RoundPlan, build_shard, read_shard


class Variant(NamedTuple):
    """One way to build the records of a round. given: what came with the images is used. own: only what this
    annotator says anything about is measured, not what it looked at; "" for all of them."""

    group: str
    name: str
    plan: RoundPlan
    given: bool = True
    own: str = ""


class Built(NamedTuple):
    """The records of a variant, and what its annotators said anything about."""

    records: list[Record]
    areas: set[str]


class _Reader:
    """The parser, which reads every text once: the variants of a round share nearly all of theirs."""

    def __init__(self, parser: Parser) -> None:
        parser.load()
        self._parser = parser
        self._parsed: dict[str, ParsedText] = {}
        self._words: dict[str, ElementWords] = {}

    def parse(self, texts: list[str]) -> list[ParsedText]:
        new = [text for text in dict.fromkeys(texts) if text not in self._parsed]
        self._parsed |= dict(zip(new, self._parser.parse(new), strict=True))
        return [self._parsed[text] for text in texts]

    def elements(self, texts: list[str]) -> list[ElementWords]:
        new = [text for text in dict.fromkeys(texts) if text not in self._words]
        self._words |= dict(zip(new, self._parser.elements(new), strict=True))
        return [self._words[text] for text in texts]

    def fingerprint(self) -> dict[str, str]:
        return self._parser.fingerprint()


def run(
    corpus: str,
    gold_path: str,
    number: int,
    *,
    all_rounds: bool = False,
    held_out: float | None = None,
    json_path: str | None = None,
    figure_path: str | None = None,
    resamples: int = RESAMPLES,
) -> None:
    """`fld eval`: measure, print, and write `json_path` and `figure_path`. Raises ConfigError for a round or share
    that is none, and for a figure of one round."""
    if held_out is not None and not 0 < held_out <= 1:
        raise ConfigError(f"--held-out must be above 0 and at most 1, got {held_out}")
    if figure_path and not all_rounds:
        raise ConfigError("--figure shows rounds side by side: use it with --rounds")
    session = look(corpus)
    there = Corpus(session.store).rounds()
    if number not in there:
        raise ConfigError(f"{corpus} has no round {number} to measure: it has {there or 'none'}; run `fld run` first")
    gold = gold_of(gold_path, _images(session), session.config.ingest, held_out)
    out.print(_said(gold))
    numbers = there if all_rounds else [number]
    images = committed(session.store, IMAGES)
    for each in numbers:
        inputs(session.store, session.plan(each), images)  # says at once what is missing
    found = {each: measure_round(session, each, gold.records, resamples, short=all_rounds) for each in numbers}
    for line in rounds_tables(found) if all_rounds else round_tables(found[number]):
        out.print(line)
    if json_path:
        facts = {"path": gold_path, **{k: v for k, v in asdict(gold).items() if k != "records"}}
        head = {"gold": facts, "images": len(gold.records), "held_out": held_out, "resamples": resamples}
        Path(json_path).write_text(json.dumps(head | {"rounds": as_json(found)}, indent=1) + "\n")
        err.print(f"measures: {json_path}")
    if figure_path:
        from engine.report.figure import draw

        draw(found, figure_path, f"{corpus}: {len(gold.records):,} images with gold, 95% intervals")
        err.print(f"figure: {figure_path}")


def measure_round(
    session: Session, number: int, gold: Sequence[Record], resamples: int, *, short: bool = False
) -> Measured:
    """The round after each filter stage, and each annotator alone. short: only what was said and what was kept."""
    wanted = {record.key for record in gold}
    round_ = Corpus(session.store).round(number)
    kept = [each for shard in round_.shards() for each in round_.records(shard) if each.key in wanted]
    plan = session.plan(number)
    reader = _Reader(Parser(plan.filters.parser))
    chosen = [each for each in variants(session, plan) if not short or each.name == RAW]
    built = build(session, chosen, wanted, reader)
    in_gold = set(areas_in(gold))
    said = built[0].areas  # the first variant is what everybody said
    columns = [(each.group, each.name, *made) for each, made in zip(chosen, built, strict=True)]
    columns.append(("stages", KEPT, kept, said))
    found: Measured = {"stages": {}, "annotators": {}}
    done: list[tuple[list[Record], set[str], Measures]] = []
    for group, name, records, areas in columns:
        known = (measures for others, of, measures in done if of == areas and others == records)
        measures = next(known, None) or _measures(records, gold, areas & in_gold, resamples, reader)
        done.append((records, areas, measures))
        found[group][name] = measures
    return with_changes({group: each for group, each in found.items() if each})


def _measures(
    predicted: Sequence[Record], gold: Sequence[Record], areas: set[str], resamples: int, reader: _Reader
) -> Measures:
    sizes = tuple(f"{area}/" for area in areas if area.startswith("captions/"))
    found = measure(
        predicted, gold, [area for area in AREAS if area in areas or (area == "captions" and sizes)], resamples
    )
    if sizes:
        by_key = {record.key: record for record in predicted}
        pairs = [(by_key.get(g.key, Record(g.key, g.uri, g.sha256, g.width, g.height, g.round)), g) for g in gold]
        words = element_quality(pairs, resamples, reader.elements)
        found |= {f"captions/{name}": each for name, each in words.items()}
    unsaid = () if sizes else ("texts/",)
    return {
        name: each
        for name, each in found.items()
        if not name.startswith(unsaid) and (name.startswith(sizes) or not name.startswith("captions/"))
    }


def variants(session: Session, plan: RoundPlan) -> list[Variant]:
    """The round after each filter stage, and each of its annotators alone with those it looks at."""
    steps = [Variant("stages", name, step) for name, step in filter_steps(plan).items()]
    single = [Variant("annotators", GIVEN, alone(plan, ()), own=GIVEN)]
    for each in plan.annotators:
        looked_at = _looked_at(each.name, session)
        single.append(Variant("annotators", each.name, alone(plan, looked_at), given=GIVEN in looked_at, own=each.name))
    return [*steps, *single]


def _looked_at(name: str, session: Session) -> set[str]:
    """The annotator and all those whose findings it needs, directly or not."""
    annotators = session.config.annotators
    found, left = set[str](), [name]
    while left:
        each = left.pop()
        if each not in found:
            found.add(each)
            left += plans.needs(each, annotators) if each in annotators else ()
    return found


def build(session: Session, chosen: Sequence[Variant], wanted: set[str], reader: _Reader) -> list[Built]:
    """The records of every variant for the images `wanted`, in one pass over the raw columns."""
    found = [Built([], set()) for _ in chosen]
    widest = max((each.plan for each in chosen), key=lambda plan: len(plan.annotators))
    for shard in Corpus(session.store).shards():
        rows, columns = read_shard(session.store, shard, widest)
        rows = [row for row in rows if row.key in wanted]
        bare = [_without_given(row) for row in rows]
        for variant, into in zip(chosen, found, strict=True):
            own = rows if variant.given else bare
            outcomes = build_shard(own, columns, variant.plan, {}, reader)
            into.records.extend(each.record for each in outcomes if each.record is not None)
            names = [variant.own] if variant.own else [GIVEN, *(each.name for each in variant.plan.annotators)]
            for name in names:
                for row in own:
                    raw = None if name == GIVEN else columns[name].get(row.key)
                    into.areas.update(areas_of(row.given if name == GIVEN else raw.findings if raw else []))
    return found


def _without_given(row: ImageRow) -> ImageRow:
    from msgspec.structs import replace

    return replace(row, given=[])


def _images(session: Session) -> list[ImageRow]:
    """The images that a round can hold: read without error, and no duplicates that are left out."""
    skipped = {key for keys in session.skipped().values() for key in keys}
    rows = [row for _, row in Corpus(session.store).image_rows()]
    return [row for row in rows if row.status == "ok" and row.key not in skipped]


def _said(gold: Gold) -> str:
    parts = [f"gold: {gold.read:,} images"]
    if gold.elsewhere:
        parts.append(f"{gold.elsewhere:,} of them not in the corpus")
    if gold.unlabelled:
        parts.append(f"{gold.unlabelled:,} images of the corpus have none")
    if gold.left_out:
        parts.append(f"{gold.left_out:,} are not held out")
    return "; ".join([*parts, f"measured on {len(gold.records):,}"]) + "  (95% intervals from resampled images)"
