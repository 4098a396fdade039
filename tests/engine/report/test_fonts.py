import pytest

from engine.report.fonts import drawable, font_for


@pytest.mark.parametrize("text", ["a dog", "Grüße, naïve café", "Ωμέγα", "собака", "“dog” 0.91 · x"])
def test_common_texts_are_drawn_as_they_are(text: str) -> None:
    assert drawable(text, 14) == text
    font_for(text, 14).getmask(text)


@pytest.mark.parametrize("text", ["出口 exit", "犬", "\U0010fffd", "a\x07b", "कुत्ता", "\u202eback"])
def test_no_character_is_drawn_as_an_empty_box(text: str) -> None:
    shown = drawable(text, 14)
    font = font_for(shown, 14)
    empty = bytes(font.getmask("\U0010fffe"))
    assert not [each for each in shown if not each.isspace() and bytes(font.getmask(each)) == empty]


def test_a_vowel_sign_of_no_font_is_written_as_its_number() -> None:
    if font_for("क", 14) is not font_for("a", 14):
        pytest.skip("a font here knows Devanagari")
    assert drawable("कि", 14) == "\\u0915\\u093f"


def test_a_character_of_no_font_is_written_as_its_number() -> None:
    assert drawable("a \U0010fffd b", 14) == "a \\U0010fffd b"
    assert drawable("bell \x07", 14) == "bell ?"
