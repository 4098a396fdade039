import pytest

from engine.view.query import Query, read_query

FULL = Query(1, {"label": ("cat", "dog"), "rule": ("a&b",)}, {"score": (0.0, 0.5)}, "a ball", "score", 2)


def read(url: str) -> Query:
    from urllib.parse import parse_qsl

    return read_query(parse_qsl(url, keep_blank_values=True), 7)


def test_the_url_is_the_whole_state() -> None:
    assert read(FULL.url()) == FULL
    assert FULL.url() == "round=1&label=cat&label=dog&rule=a%26b&score=0-0.5&q=a+ball&sort=score&page=2"


@pytest.mark.parametrize("url", ["", "round=x&page=-1&sort=no&score=a-b&q=+&nonsense=1", "round=1e9&page=99999999999"])
def test_what_cannot_be_read_is_left_out(url: str) -> None:
    assert read(url) == Query(7)


def test_switching_a_value_goes_back_to_the_first_page() -> None:
    assert FULL.toggled("label", "cat").chosen["label"] == ("dog",)
    assert FULL.toggled("rule", "a&b").chosen == {"label": ("cat", "dog")}
    assert FULL.toggled("rule", "a&b").page == 0
    assert Query(0).toggled("label", "").chosen == {"label": ("",)}


def test_a_range_that_is_set_again_is_removed() -> None:
    assert FULL.ranged("score", 0.0, 0.5).ranges == {}
    assert FULL.ranged("score", 0.5, 1).ranges == {"score": (0.5, 1)}
