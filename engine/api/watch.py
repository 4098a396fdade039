"""The echo-chamber watch of `fld loop`: a written round described and judged, as `rounds/NN/report/watch.json`.

Comes in: an open corpus with round 0 and round `number`. Goes out: a `WatchReport`. The images that are looked at are
the same in every round: the first ones by the hash of their bytes.
"""

from collections.abc import Mapping
from dataclasses import replace
from heapq import nsmallest

import msgspec

from engine.corpus.session import Session
from engine.runtime.refilter import loaded_parser
from filters.parser import Parser
from shards.errors import DamageError
from shards.finding import GIVEN
from shards.images import ImageRow
from shards.layout import round_folder
from shards.raw import RawRow
from shards.reader import Corpus
from shards.record import Record
from shards.seal import read_sealed, write_sealed
from shards.store import Store
from stages.fuse.heard import heard
from stages.fuse.settings import GENERALIST, LEARNED, STUDENT
from stages.gate.alone import filtered_alone, filtered_records
from stages.held_out import held_out_order
from stages.incomplete import unknown
from stages.round import RoundPlan, read_shard
from stages.watch.judge import WatchReport, judge
from stages.watch.statistics import statistics

_ADVICE = "delete it, and `fld loop` writes it again"


def report_path(number: int) -> str:
    """`report_path(3)` is "rounds/03/report/watch.json"."""
    return f"{round_folder(number)}/report/watch.json"


def read_report(store: Store, number: int) -> WatchReport | None:
    """The report on a round; None while there is none."""
    try:
        data = read_sealed(store, report_path(number), _ADVICE)
        return msgspec.json.decode(data, type=WatchReport)
    except FileNotFoundError:
        return None
    except msgspec.DecodeError as error:
        raise DamageError(f"{report_path(number)} is damaged: {error}: {_ADVICE}") from error


def watch(session: Session, number: int) -> WatchReport:
    """Judge a round against round 0 and publish the report. Number 0 describes round 0 itself."""
    parser = loaded_parser(session.config.filters.parser)
    watched = _watched(session)
    first = _kept(session, 0, watched)
    now = first if number == 0 else _kept(session, number, watched)
    own = _own(session, number, watched, parser) if number > 0 else []
    own_before = _own(session, number - 1, watched, parser) if number > 1 else []
    report = judge(
        number,
        statistics(first, parser),
        statistics(now, parser, first, own, own_before),
        session.config.loop.watch,
    )
    write_sealed(session.store, report_path(number), msgspec.json.format(msgspec.json.encode(report)) + b"\n")
    return report


def _watched(session: Session) -> dict[str, set[str]]:
    """Shard -> keys of the images that are looked at, at most `loop.watch.images` in all."""
    rows = Corpus(session.store).image_rows()
    placed = ((held_out_order(row.sha256), row.key, shard) for shard, row in rows if row.sha256)
    watched: dict[str, set[str]] = {}
    for _, key, shard in nsmallest(session.config.loop.watch.images, placed):
        watched.setdefault(shard, set()).add(key)
    return dict(sorted(watched.items()))


def _kept(session: Session, number: int, watched: Mapping[str, set[str]]) -> list[Record]:
    round_ = Corpus(session.store).round(number)
    records = (record for shard, keys in watched.items() for record in round_.records_of(shard, keys))
    return [record for record in records if not unknown(record)]


def _own(session: Session, number: int, watched: Mapping[str, set[str]], parser: Parser) -> list[Record]:
    """What the model that wrote the boxes of a round says by itself, from its raw column."""
    plan = session.plan(number)
    written = {voter.name: voter for voter in plan.annotators if voter.name in LEARNED}
    model = written.get(STUDENT) or written[GENERALIST]
    records: list[Record] = []
    needed = plan if model.worth is not None else replace(plan, annotators=(model,))
    for shard, keys in watched.items():
        rows, columns = read_shard(session.store, shard, needed)
        rows = [row for row in rows if row.key in keys and row.key in columns[model.name]]
        rows_of_model = {row.key: _mapped(row, columns, plan, model.name) for row in rows}
        records += filtered_records(rows, rows_of_model, filtered_alone(plan, model), parser)
    return records


def _mapped(row: ImageRow, columns: Mapping[str, Mapping[str, RawRow]], plan: RoundPlan, name: str) -> RawRow:
    """What the model said of an image, its scores as the round hears them."""
    said = {voter: rows[row.key].findings for voter, rows in columns.items() if row.key in rows}
    findings = heard({GIVEN: row.given, **said}, plan.annotators)[name]
    return msgspec.structs.replace(columns[name][row.key], findings=[*findings])
