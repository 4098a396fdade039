import pytest
from hypothesis import given
from hypothesis import strategies as st

from stages.ingest.secrets import public
from stages.ingest.settings import IngestSettings


@pytest.mark.parametrize(
    ("url", "wanted"),
    [
        ("https://ann:pw@a.org/x.jpg?size=9&token=abc#top", "https://a.org/x.jpg?size=9"),
        ("https://a.org?token=abc", "https://a.org"),
        ("https://p@w@a.org/@x", "https://a.org/@x"),
        ("s3://key:secret@bucket/x", "s3://bucket/x"),
        ("/photos/a?b#c@d.jpg", "/photos/a?b#c@d.jpg"),
        ("https://a.org/x?size", "https://a.org/x?size"),
    ],
)
def test_what_may_be_written_down(url: str, wanted: str) -> None:
    assert public(url, frozenset({"size"})) == wanted


@given(st.text(max_size=20), st.text(max_size=20))
def test_it_is_the_same_again_and_has_no_query(path: str, query: str) -> None:
    found = public(f"https://ann:SECRET@a.org/{path}?{query}=SECRET")
    assert public(found) == found
    assert "SECRET" not in found


def test_settings_are_kept_in_the_corpus_and_hold_no_secret() -> None:
    with pytest.raises(ValueError, match="must be without user, password and query"):
        IngestSettings(root="https://ann:pw@a.org/photos")
