"""Statements about the whole image become the record's texts, or are dropped by a text filter.

Comes in: `text` statements with `about == ""` and what the parser read in them. Goes out: `Text`s ordered by
granularity, then annotator, with ids t0, t1, ... Several captioners give several texts of one granularity; the same
words twice are one text.
"""

from collections.abc import Mapping

from filters.parser import ParsedText
from filters.text import TextSettings, judge_text
from filters.verdict import Verdict, dropped
from shards.finding import Granularity
from shards.record import Text
from stages.fuse.ledger import Ledger, Statement

ORDER: tuple[Granularity, ...] = ("brief", "detailed", "more_detailed")


def keep_texts(
    stated: list[Statement], parsed: Mapping[str, ParsedText], settings: TextSettings, ledger: Ledger
) -> dict[str, Text]:
    """The kept texts by the reference of their statement; the ledger hears of every statement."""
    kept: dict[str, Text] = {}
    seen: set[tuple[Granularity, str]] = set()
    for each in sorted(stated, key=lambda each: ORDER.index(granularity(each))):
        text, level = each.finding.text, granularity(each)
        verdict = judge_text(text, parsed[text].features, level, settings)
        if verdict.kept and (level, _same(text)) in seen:
            verdict = DUPLICATE
        if not verdict.kept:
            ledger.drop(each, verdict)
            continue
        seen.add((level, _same(text)))
        kept[each.source.ref] = Text(f"t{len(kept)}", level, text, each.source)
        ledger.keep(each, kept[each.source.ref].id)
    return kept


DUPLICATE: Verdict = dropped("fuse.duplicate_text")


def granularity(statement: Statement) -> Granularity:
    """Its granularity; a text that came without one (alt text, say) is brief."""
    return statement.finding.granularity or "brief"


def _same(text: str) -> str:
    return " ".join(text.split())
