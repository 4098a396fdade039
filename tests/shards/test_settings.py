from typing import Annotated

from pydantic import Field

from shards.settings import Off, Settings, leaves, switched_off


class Inner(Settings):
    least: Annotated[float, Off(0.0)] = Field(0.3, ge=0)
    where: str = "here"


class Outer(Settings):
    inner: Inner = Inner()
    rules: Annotated[list[Inner], Off([])] = Field([Inner()])


def test_what_has_an_off_is_off_and_the_rest_stays() -> None:
    off = switched_off(Outer(inner=Inner(least=0.9, where="there")))
    assert (off.inner.least, off.inner.where, off.rules) == (0.0, "there", [])


def test_leaves_are_named_by_their_path() -> None:
    assert [path for path, _ in leaves(Outer)] == ["inner.least", "inner.where", "rules"]
