"""Words are cut as the treebank cuts them, before and after a pipeline is saved."""

from pathlib import Path

import pytest
import spacy
from hypothesis import given
from hypothesis import strategies as st
from spacy.language import Language

from stages.recipes.parser.tokenizer import fit_tokenizer

# As cut in the training fold of UD English EWT; spaces between words stand for the cuts.
CUTS = {
    "Great!!!": "Great !!!",
    "Really?!": "Really ?!",
    "Well...": "Well ...",
    "Yes....?": "Yes .... ?",
    "*****": "*****",
    "A++": "A ++",
    "and/or": "and / or",
    "713-853-3989,": "713-853-3989 ,",
    "12-31-2000.": "12-31-2000 .",
    "1969-1970": "1969 - 1970",
    "AK-47": "AK - 47",
    "e-mail,": "e-mail ,",
    "Non-commercial": "Non-commercial",
    "well-informed": "well - informed",
    "7:30PM.": "7:30 PM .",
    "65k": "65 k",
    "20th": "20th",
    "account(s)": "account ( s )",
    "plan.doc)(See": "plan.doc ) ( See",
    "categories-": "categories -",
    "-Russia": "- Russia",
    "parents'": "parents '",
    "wanna": "wan na",
    "L.L.C.": "L.L.C.",
    "it's": "it 's",
    "don't": "do n't",
}


@pytest.fixture(scope="module")
def fitted() -> Language:
    nlp = spacy.blank("en")
    fit_tokenizer(nlp)
    return nlp


@pytest.mark.parametrize("text", CUTS)
def test_words_are_cut_as_in_the_treebank(fitted: Language, text: str) -> None:
    assert [token.text for token in fitted.make_doc(text)] == CUTS[text].split()


def test_the_rules_are_saved_with_the_pipeline(fitted: Language, tmp_path: Path) -> None:
    fitted.to_disk(tmp_path, exclude=["vocab"])
    text = " ".join(CUTS)
    assert [token.text for token in spacy.load(tmp_path).make_doc(text)] == [t.text for t in fitted.make_doc(text)]


@given(st.text(max_size=40) | st.text("aA1 -.!?()/*='\"", max_size=40))
def test_no_character_is_lost(fitted: Language, text: str) -> None:
    assert fitted.make_doc(text).text == text
