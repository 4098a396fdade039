import random
from pathlib import Path

import pytest
import spacy

from stages.recipes.parser.augment import augmented, without_final_stop
from stages.recipes.parser.evaluate import ParserScores, evaluate_gold_words, score_parser
from stages.recipes.parser.treebank import Sentence, document, example, groups, read_paragraphs

CONLLU = """\
# newdoc id = one
# newpar id = one-p1
# sent_id = 1
1-2\tDon't\t_\t_\t_\t_\t_\t_\t_\t_
1\tDo\tdo\tAUX\tVB\t_\t3\taux\t3:aux\t_
2\tn't\tnot\tPART\tRB\t_\t3\tadvmod\t3:advmod\t_
3\trun\trun\tVERB\tVB\t_\t0\troot\t0:root\tSpaceAfter=No
4\t!\t!\tPUNCT\t.\t_\t3\tpunct\t3:punct\t_

# sent_id = 2
1\tStop\tstop\tVERB\tVB\t_\t0\troot\t0:root\t_
1.1\tnow\tnow\tADV\tRB\t_\t_\t_\t1:advmod\t_

# newpar id = one-p2
# sent_id = 3
1\tDogs\tdog\tNOUN\tNNS\t_\t2\tnsubj\t2:nsubj\t_
2\tbark\tbark\tVERB\tVBP\t_\t0\troot\t0:root\tSpaceAfter=No
3\t.\t.\tPUNCT\t.\t_\t2\tpunct\t2:punct\t_
"""

DOGS = Sentence(
    ("Dogs", "bark", "."), (True, False, True), ("NOUN", "VERB", "PUNCT"), (1, 1, 1), ("nsubj", "root", "punct")
)


@pytest.fixture
def paragraphs(tmp_path: Path) -> list[list[Sentence]]:
    path = tmp_path / "x-ud-train.conllu"
    path.write_text(CONLLU)
    return read_paragraphs(path)


def test_paragraphs_and_sentences(paragraphs: list[list[Sentence]]) -> None:
    assert [len(paragraph) for paragraph in paragraphs] == [2, 1]
    assert paragraphs[1] == [DOGS]


def test_a_word_of_two_tokens_and_an_empty_node(paragraphs: list[list[Sentence]]) -> None:
    dont, stop = paragraphs[0]
    assert dont.words == ("Do", "n't", "run", "!")
    assert dont.spaces == (False, True, False, True)
    assert stop.words == ("Stop",)


def test_a_row_of_another_width_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "broken.conllu"
    path.write_text("1\tDogs\tdog\n\n")
    with pytest.raises(ValueError, match=r"broken\.conllu line 1: a row must have 10 columns, got '1\\tDogs\\tdog'"):
        read_paragraphs(path)


def test_fields_of_one_length() -> None:
    with pytest.raises(ValueError, match=r"all five fields of a sentence must have one length, got \[1, 2\]"):
        Sentence(("a", "b"), (True, True), ("X", "X"), (0, 0), ("root",))


def test_runs_stay_inside_their_paragraph(paragraphs: list[list[Sentence]]) -> None:
    assert [len(run) for run in groups(paragraphs, 5)] == [2, 1]
    assert [len(run) for run in groups(paragraphs, 1)] == [1, 1, 1]


def test_the_gold_document(paragraphs: list[list[Sentence]]) -> None:
    doc = document(spacy.blank("en"), paragraphs[0])
    assert doc.text == "Don't run! Stop "
    assert [(token.pos_, token.dep_, token.head.text) for token in doc][3:] == [
        ("PUNCT", "punct", "run"),
        ("VERB", "ROOT", "Stop"),
    ]
    assert [sentence.text for sentence in doc.sents] == ["Don't run!", "Stop"]


def test_an_example_is_tokenized_as_in_use() -> None:
    nlp = spacy.blank("en")
    glued = Sentence(
        ("Dogs", "ba", "rk"), (True, False, True), ("NOUN", "VERB", "VERB"), (1, 1, 1), ("nsubj", "root", "dep")
    )
    assert [token.text for token in example(nlp, [glued]).predicted] == ["Dogs", "bark"]


def test_the_final_stop_goes_only_if_nothing_hangs_on_it() -> None:
    assert without_final_stop(DOGS).words == ("Dogs", "bark")
    headed = Sentence(("Dogs", "."), (False, True), ("NOUN", "PUNCT"), (1, 1), ("dep", "root"))
    assert without_final_stop(headed) == headed
    assert without_final_stop(without_final_stop(DOGS)).words == ("Dogs", "bark")


def test_augmenting_keeps_the_tree_and_is_repeatable() -> None:
    seen = {tuple(augmented([DOGS], random.Random(seed))[0].words) for seed in range(60)}
    assert seen == {("Dogs", "bark", "."), ("dogs", "bark", "."), ("Dogs", "bark"), ("dogs", "bark")}
    assert augmented([DOGS], random.Random(5)) == augmented([DOGS], random.Random(5))


def test_scores_of_a_tagger_that_knows_nothing_but_nouns(paragraphs: list[list[Sentence]]) -> None:
    nlp = spacy.blank("en")
    nlp.add_pipe("attribute_ruler").add(patterns=[[{}]], attrs={"POS": "NOUN"})  # type: ignore[attr-defined]
    nlp.add_pipe("sentencizer")
    scores = score_parser(nlp, paragraphs)
    # A word without a parse is its own head, which is right for the three roots; its relation is not.
    assert scores == ParserScores(upos=12.5, uas=37.5, las=0.0, las_subtypes=0.0, sentences=100.0)


def test_on_gold_words_a_wrong_tokenizer_does_no_harm() -> None:
    glued = Sentence(
        ("Dogs", "ba", "rk"), (True, False, True), ("NOUN", "NOUN", "NOUN"), (0, 0, 0), ("root", "dep", "dep")
    )
    nlp = spacy.blank("en")
    nlp.add_pipe("attribute_ruler").add(patterns=[[{}]], attrs={"POS": "NOUN"})  # type: ignore[attr-defined]
    nlp.add_pipe("sentencizer")
    assert score_parser(nlp, [[glued]]).upos == 33.33
    assert evaluate_gold_words(nlp, [[glued], [glued]]) == ParserScores(100.0, 33.33, 0.0, 0.0, 100.0)
