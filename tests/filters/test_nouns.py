import pytest

from filters.nouns import noun_forms


@pytest.mark.parametrize(
    ("form", "noun"),
    [
        ("cup", "cup"),
        ("cups", "cup"),
        ("buses", "bus"),
        ("butterflies", "butterfly"),
        ("traffic lights", "traffic light"),
    ],
)
def test_singular_and_plural_are_forms(form: str, noun: str) -> None:
    assert form in noun_forms(noun)


@pytest.mark.parametrize(("other", "noun"), [("cupboard", "cup"), ("cup", "cups"), ("lights", "traffic light")])
def test_other_words_are_not(other: str, noun: str) -> None:
    assert other not in noun_forms(noun)
