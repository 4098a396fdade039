"""Statements about the whole image become the record's texts, or are dropped by a text filter.

Comes in: statements of captions with `about == ""` and what the parser read in them. Goes out: `Text`s ordered by
granularity, then annotator, with ids t0, t1, ... Several captioners give several texts of one granularity; the same
words twice are one text.
"""

from collections.abc import Mapping

from filters.parser import ParsedText
from filters.text import TextSettings, judge_text
from filters.verdict import Verdict, dropped
from shards.finding import Caption, Granularity
from shards.record import Text
from stages.fuse.ledger import Ledger, Statement
from stages.fuse.merge import Merge

ORDER: tuple[Granularity, ...] = ("brief", "detailed", "more_detailed")


def keep_texts(
    stated: list[Statement[Caption]],
    parsed: Mapping[str, ParsedText],
    settings: TextSettings,
    merge: Merge,
    ledger: Ledger,
) -> dict[str, Text]:
    """The kept texts by the reference of their statement; the ledger hears of every statement."""
    kept: dict[str, Text] = {}
    for level in ORDER:
        mine = [statement for statement in stated if granularity(statement) == level]
        sure = [statement for statement in mine if merge.is_sure(statement)]
        good = sure + _judged([each for each in mine if each not in sure], parsed, level, settings, ledger)
        seen: set[str] = set()
        for statement in merge.picked(merge.merged(good, level), level):
            text = statement.finding.text
            if _same(text) in seen:
                ledger.drop(statement, DUPLICATE)
                continue
            seen.add(_same(text))
            kept[statement.source.ref] = Text(f"t{len(kept)}", level, text, statement.source, merge.recorded(level))
            ledger.keep(statement, kept[statement.source.ref].id)
    return kept


def _judged(
    stated: list[Statement[Caption]],
    parsed: Mapping[str, ParsedText],
    level: Granularity,
    settings: TextSettings,
    ledger: Ledger,
) -> list[Statement[Caption]]:
    good = []
    for statement in stated:
        verdict = judge_text(statement.finding.text, parsed[statement.finding.text].features, level, settings)
        if verdict.kept:
            good.append(statement)
        else:
            ledger.drop(statement, verdict)
    return good


DUPLICATE: Verdict = dropped("fuse.duplicate_text")


def granularity(statement: Statement[Caption]) -> Granularity:
    """Its granularity; a text that came without one (alt text, say) is brief."""
    return statement.finding.granularity or "brief"


def _same(text: str) -> str:
    return " ".join(text.split())
