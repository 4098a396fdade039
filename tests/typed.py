"""Findings of one type, for tests that look at the fields that only this type has."""

from collections.abc import Iterable
from typing import TypeVar, cast

from shards.finding import Finding

F = TypeVar("F", bound=Finding)


def typed(findings: Iterable[Finding], of: type[F]) -> list[F]:
    """The findings, which must all be of one type."""
    found = list(findings)
    chosen = [finding for finding in found if isinstance(finding, of)]
    assert len(chosen) == len(found), f"wanted {of.__name__}s only, got {found}"
    return cast(list[F], chosen)
