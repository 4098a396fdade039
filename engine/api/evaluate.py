"""The labels of a round against gold, per filter stage and per annotator, or of all rounds side by side.

Comes in: a corpus, a gold file (`stages.evaluate.gold`), a round. Goes out: an `EvalReport`, which `as_json` turns into

    {"gold": {"path": "scenes/gold.jsonl", "read": 500, "elsewhere": 0, "unlabelled": 0, "left_out": 452},
     "images": 48, "held_out": 0.1, "resamples": 200,
     "rounds": {"0": {"stages": {"raw": {"boxes/recall": {"value": 0.91, "low": 0.88, "high": 0.94, "count": 171}}},
                      "annotators": {"detector": {...}}, "changes": {"kept - detector": {...}}}}}

Nothing is annotated for it: stages and single annotators are built again from the raw columns, `kept` is read from the
round's shards. A measure that has nothing to measure is null, with a count of 0.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import NamedTuple

from engine.api.reports import Location
from engine.config.config_text import ConfigError
from engine.corpus.session import Session, look
from engine.report.eval_report import FILTERED, UNFILTERED, Measured, Measures, as_json, with_changes
from engine.report.quality import RESAMPLES, areas_in, measure
from engine.runtime import plan as plans
from engine.runtime.refilter import inputs
from filters.features import ElementWords
from filters.parser import ParsedText, Parser
from shards.commit import committed
from shards.completeness import check_round, check_whole
from shards.finding import GIVEN
from shards.images import ImageRow
from shards.layout import IMAGES, round_folder
from shards.reader import Corpus
from shards.record import Record
from stages.evaluate.boxes import Curve, curve_of
from stages.evaluate.elements import element_quality
from stages.evaluate.gold import Gold, gold_of
from stages.evaluate.measures import paired
from stages.evaluate.plans import areas_of, filter_steps, raw_alone
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


@dataclass(frozen=True)
class EvalReport:
    """What `fld eval` found. rounds: number -> "stages" | "annotators" | "changes" -> column -> measure -> estimate;
    gold: what it was measured by, its path and how many of its images. curves: of the objects of the round and of each
    of its annotators; {} of several rounds."""

    rounds: dict[int, Measured]
    gold: Gold
    gold_path: str
    held_out: float | None
    resamples: int
    curves: Mapping[str, Curve]

    @property
    def images(self) -> int:
        """Images that were measured."""
        return len(self.gold.records)

    @property
    def kept(self) -> Measures:
        """The measures of what the last of the rounds kept: {"boxes/recall": Estimate(...), ...}."""
        return self.rounds[max(self.rounds)]["stages"][FILTERED]

    def as_json(self) -> dict[str, object]:
        """Plain numbers and text; what has no value is None."""
        facts = {"path": self.gold_path, **{k: v for k, v in asdict(self.gold).items() if k != "records"}}
        head = {"gold": facts, "images": self.images, "held_out": self.held_out, "resamples": self.resamples}
        return head | {"rounds": as_json(self.rounds)}


def evaluate(
    corpus: Location,
    gold: Location,
    *,
    round: int = 0,
    all_rounds: bool = False,
    held_out: float | None = None,
    resamples: int = RESAMPLES,
) -> EvalReport:
    """Measure a round, or all of them side by side, against gold; no model runs. held_out: only the images never
    trained on, this share. Raises ConfigError for a round or share that is none, SourceError for gold that is none."""
    if held_out is not None and not 0 < held_out <= 1:
        raise ConfigError(f"held_out must be above 0 and at most 1, got {held_out}")
    session = look(str(corpus), runs=["filters"])
    check_whole(session.store)
    there = Corpus(session.store).rounds()
    if round not in there:
        raise ConfigError(f"{corpus} has no round {round} to measure: it has {there or 'none'}; run `fld run` first")
    truth = gold_of(str(gold), _images(session), session.config.ingest, held_out)
    numbers = there if all_rounds else [round]
    images = committed(session.store, IMAGES)
    for number in numbers:
        check_round(session.store, round_folder(number), str(corpus))
        inputs(session.store, session.plan(number), images)  # says at once what is missing
    curves: dict[str, Curve] = {}
    measured = {
        number: measure_round(session, number, truth.records, resamples, None if all_rounds else curves)
        for number in numbers
    }
    return EvalReport(measured, truth, str(gold), held_out, resamples, curves)


def measure_round(
    session: Session, number: int, gold: Sequence[Record], resamples: int, curves: dict[str, Curve] | None
) -> Measured:
    """The round after each filter stage, and each annotator alone. curves: takes those of the round and of them; None:
    only what was said and what was kept is measured."""
    keys = {record.key for record in gold}
    round_ = Corpus(session.store).round(number)
    kept = [record for shard in round_.shards() for record in round_.records_of(shard, keys)]
    plan = session.plan(number)
    reader = _Reader(Parser(plan.filters.parser))
    chosen = [variant for variant in variants(session, plan) if curves is not None or variant.name == UNFILTERED]
    built = build_variants(session, chosen, keys, reader)
    in_gold = set(areas_in(gold))
    said_areas = built[0].areas  # the first variant is what everybody said
    columns = [(variant.group, variant.name, *made) for variant, made in zip(chosen, built, strict=True)]
    columns.append(("stages", FILTERED, kept, said_areas))
    measured: Measured = {"stages": {}, "annotators": {}}
    done: list[tuple[list[Record], set[str], Measures]] = []
    for group, name, records, areas in columns:
        known = (measures for others, of, measures in done if of == areas and others == records)
        measures = next(known, None) or _measures(records, gold, areas & in_gold, resamples, reader)
        done.append((records, areas, measures))
        measured[group][name] = measures
    if curves is not None and "boxes" in in_gold:
        alone = {name: records for group, name, records, areas in columns if group == "annotators" and "boxes" in areas}
        shown = {f"round {number}": kept, **alone}
        curves |= {name: curve_of(paired(records, gold)) for name, records in shown.items()}
    return with_changes({group: of_group for group, of_group in measured.items() if of_group})


def _measures(
    predicted: Sequence[Record], gold: Sequence[Record], areas: set[str], resamples: int, reader: _Reader
) -> Measures:
    sizes = tuple(f"{area}/" for area in areas if area.startswith("captions/"))
    estimates = measure(
        predicted, gold, [area for area in AREAS if area in areas or (area == "captions" and sizes)], resamples
    )
    if sizes:
        by_key = {record.key: record for record in predicted}
        pairs = [(by_key.get(g.key, Record(g.key, g.uri, g.sha256, g.width, g.height, g.round)), g) for g in gold]
        words = element_quality(pairs, resamples, reader.elements)
        estimates |= {f"captions/{name}": estimate for name, estimate in words.items()}
    unsaid = () if sizes else ("texts/",)
    return {
        name: estimate
        for name, estimate in estimates.items()
        if not name.startswith(unsaid) and (name.startswith(sizes) or not name.startswith("captions/"))
    }


def variants(session: Session, plan: RoundPlan) -> list[Variant]:
    """The round after each filter stage, and each of its annotators alone with those it looks at."""
    steps = [Variant("stages", name, step) for name, step in filter_steps(plan).items()]
    single = [Variant("annotators", GIVEN, raw_alone(plan, ()), own=GIVEN)]
    for voter in plan.annotators:
        looked_at = _looked_at(voter.name, session)
        single.append(
            Variant("annotators", voter.name, raw_alone(plan, looked_at), given=GIVEN in looked_at, own=voter.name)
        )
    return [*steps, *single]


def _looked_at(name: str, session: Session) -> set[str]:
    """The annotator and all those whose findings it needs, directly or not."""
    annotators = session.config.annotators
    names, left = set[str](), [name]
    while left:
        annotator = left.pop()
        if annotator not in names:
            names.add(annotator)
            left += plans.needs(annotator, annotators) if annotator in annotators else ()
    return names


def build_variants(session: Session, chosen: Sequence[Variant], keys: set[str], reader: _Reader) -> list[Built]:
    """The records of every variant for the images `keys`, in one pass over the raw columns."""
    built = [Built([], set()) for _ in chosen]
    widest = max((variant.plan for variant in chosen), key=lambda plan: len(plan.annotators))
    for shard in Corpus(session.store).shards():
        rows, columns = read_shard(session.store, shard, widest)
        rows = [row for row in rows if row.key in keys]
        bare = [_without_given(row) for row in rows]
        for variant, into in zip(chosen, built, strict=True):
            own = rows if variant.given else bare
            outcomes = build_shard(own, columns, variant.plan, {}, reader)
            into.records.extend(outcome.record for outcome in outcomes if outcome.record is not None)
            names = [variant.own] if variant.own else [GIVEN, *(voter.name for voter in variant.plan.annotators)]
            for name in names:
                for row in own:
                    raw = None if name == GIVEN else columns[name].get(row.key)
                    into.areas.update(areas_of(row.given if name == GIVEN else raw.findings if raw else []))
    return built


def _without_given(row: ImageRow) -> ImageRow:
    from msgspec.structs import replace

    return replace(row, given=[])


def _images(session: Session) -> Iterator[ImageRow]:
    """The images that a round can hold: read without error, and no duplicates that are left out."""
    skipped = session.skipped()
    for shard, row in Corpus(session.store).image_rows():
        if row.status == "ok" and row.key not in skipped.get(shard, {}):
            yield row
