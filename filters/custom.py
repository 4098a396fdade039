"""Filters of the user's own: named by their factory, called with whole batches, treated like any rule.

    filters:
      custom:
        - {factory: "my_package.rules:NoSmallThings", on: region, options: {min_side: 24}}

calls `NoSmallThings({"min_side": 24})` once per process, and then its `judge` with the annotations of a shard:

    judge([Case(record, region), ...])  ->  [KEPT, dropped("small", 17.0, 24.0), ...]     one verdict each, in order

It must be pure: equal cases give equal verdicts, whatever else is in the batch. `fingerprint()` says everything that
changes them and that the options do not; the round's own fingerprint covers both, so that another version of the
filter writes the round again. Rule, value and threshold go to the index. A complete one:
`filters/examples/small_things.py`. They are applied last, in their order, to what all other rules kept.

What a filter raises ends the command: going on without its verdict would keep what it should drop, or drop what it
should keep. The error names the filter, the image, and the line of the user's file.
"""

from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple, Protocol, cast

from pydantic import Field

from filters.verdict import Verdict
from shards.errors import SettingsError
from shards.factory import FactorySettings, built, what_it_raised
from shards.record import AnnotationType, Grounding, Record, Region, Text

Facts = dict[str, str | int | float | bool | list[str] | None]
_OURS = ("image.", "text.", "region.", "phrase.", "fuse.")


class CustomError(SettingsError):
    """A filter of the user's that fails, or does not keep the contract."""


class Case(NamedTuple):
    """What is judged, and the record that it is in: a `Text`, a `Region` (of objects or text), a `Grounding`; for a
    filter on images the record itself."""

    record: Record
    annotation: Record | Text | Region | Grounding


class Filter(Protocol):
    """What an object of the user's must have."""

    def judge(self, cases: list[Case]) -> list[Verdict]: ...
    def fingerprint(self) -> Facts: ...


class CustomFilter(FactorySettings):
    """A filter that the project does not know."""

    on: AnnotationType = Field(
        description="what it judges: image, text, region (objects), ocr (text regions) or phrase"
    )


def judged_in(record: Record, on: AnnotationType) -> list[tuple[str, Record | Text | Region | Grounding]]:
    """What filters on `on` judge of a record, each with the id that its rows in the index have."""
    match on:
        case "image":
            return [("", record)]
        case "text":
            return [(text.id, text) for text in record.texts]
        case "phrase":
            return [(f"g{place}", grounding) for place, grounding in enumerate(record.groundings)]
        case "region" | "ocr":
            kind = "object" if on == "region" else "text"
            return [(region.id, region) for region in record.regions if region.kind == kind]


def build_filter(settings: CustomFilter) -> Filter:
    """The filter of these settings, a new one. Raises FactoryError."""
    return cast(Filter, built(settings, ("judge", "fingerprint")))


def judge_cases(settings: CustomFilter, cases: Sequence[Case]) -> list[Verdict]:
    """One verdict per case, same order. Raises CustomError for an answer that is not that, and for what it raised."""
    if not cases:
        return []
    own = _built(settings.model_dump_json())
    try:
        verdicts = own.judge(list(cases))
    except Exception as error:  # the user's code may raise anything; it is told with its line
        raise _blamed(settings, own, cases, error) from error
    if not isinstance(verdicts, list) or len(verdicts) != len(cases):
        got = len(verdicts) if isinstance(verdicts, list) else type(verdicts).__name__
        raise CustomError(f"{settings.factory}: judge must return a list of {len(cases)} verdicts, one each, got {got}")
    for verdict in verdicts:
        _check(settings, verdict)
    return verdicts


def custom_facts(custom: Sequence[CustomFilter]) -> list[dict[str, object]]:
    """What the filters are, for the fingerprint of a round. Raises CustomError for a fingerprint that is none."""
    return [{**each.model_dump(mode="json"), "fingerprint": _facts(each)} for each in custom]


def _facts(settings: CustomFilter) -> Facts:
    own = build_filter(settings)
    try:
        facts = own.fingerprint()
    except Exception as error:  # the user's code may raise anything; it is told with its line
        raise CustomError(f"{settings.factory}: fingerprint failed: {_raised(settings, error)}") from error
    plain = isinstance(facts, dict) and all(
        isinstance(name, str) and isinstance(value, str | int | float | bool | list | None)
        for name, value in facts.items()
    )
    if not plain:
        raise CustomError(f"{settings.factory}: fingerprint must be a dict of names to plain values, got {facts!r}")
    return facts


def _blamed(settings: CustomFilter, own: Filter, cases: Sequence[Case], error: Exception) -> CustomError:
    """The error of a batch, with the image that is to blame: a filter is pure, so that one fails alone, too."""
    for case in cases:
        try:
            own.judge([case])
        except Exception as alone:  # noqa: BLE001  # the user's code: it is looked for what it raises
            return CustomError(
                f"{settings.factory}: judge failed on image {case.record.key!r}: {_raised(settings, alone)}"
            )
    return CustomError(
        f"{settings.factory}: judge failed on {len(cases)} cases together: {_raised(settings, error)}; it fails on none"
        " of them alone, and must not depend on the others"
    )


def _raised(settings: CustomFilter, error: Exception) -> str:
    return what_it_raised(error, settings.factory.partition(":")[0])


@lru_cache(maxsize=32)
def _built(settings: str) -> Filter:
    """Once per process; settings as JSON, since options cannot be hashed."""
    return build_filter(CustomFilter.model_validate_json(settings))


def _check(settings: CustomFilter, verdict: object) -> None:
    if not isinstance(verdict, Verdict):
        raise CustomError(f"{settings.factory}: judge must return filters.verdict.Verdict, got {verdict!r}")
    if verdict.kept == bool(verdict.rule):
        raise CustomError(f"{settings.factory}: a dropped verdict names its rule, a kept one none, got {verdict}")
    if verdict.rule.startswith(_OURS):
        raise CustomError(
            f"{settings.factory}: rule {verdict.rule!r} sounds like one of this project's"
            f" ({', '.join(_OURS)}): name it otherwise"
        )
