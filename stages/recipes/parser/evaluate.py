"""A pipeline and gold paragraphs in, its scores out: on their raw text, or on their gold words and sentences.

On raw text the pipeline cuts words and sentences itself, and a gold word that its tokenizer cut differently counts
as wrong: that is what a user gets. On gold words the parser is judged alone, as parsers often are.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from stages.recipes.parser.treebank import Sentence, document

if TYPE_CHECKING:
    from spacy.language import Language
    from spacy.tokens import Doc


@dataclass(frozen=True)
class ParserScores:
    """Shares of gold words, in percent, two decimals. upos: right part of speech; uas: right head; las: right head
    and right universal relation (subtypes ignored, as in the CoNLL 2018 shared task); las_subtypes: with subtypes;
    sentences: F1 of the sentence spans."""

    upos: float
    uas: float
    las: float
    las_subtypes: float
    sentences: float


def score_parser(nlp: "Language", paragraphs: Sequence[Sequence[Sentence]]) -> ParserScores:
    """Scores on the raw text of all paragraphs, over all words, punctuation included."""
    golds = [document(nlp, paragraph) for paragraph in paragraphs]
    return _scores(golds, nlp.pipe([gold.text for gold in golds], batch_size=64))


def evaluate_gold_words(nlp: "Language", paragraphs: Sequence[Sequence[Sentence]]) -> ParserScores:
    """Scores with words and sentences given, over all words, punctuation included."""
    from spacy.tokens import Doc

    golds = [document(nlp, [sentence]) for paragraph in paragraphs for sentence in paragraph]
    bare = [
        Doc(nlp.vocab, [word.text for word in gold], [bool(word.whitespace_) for word in gold], sent_starts=_one(gold))
        for gold in golds
    ]
    return _scores(golds, nlp.pipe(bare, batch_size=64))


def _one(doc: "Doc") -> list[bool | int | None]:
    return [place == 0 for place in range(len(doc))]


def _scores(golds: Sequence["Doc"], docs: Iterable["Doc"]) -> ParserScores:
    right = [0, 0, 0, 0]
    words = same = predicted = gold_count = 0
    for gold, doc in zip(golds, docs, strict=True):
        words += len(gold)
        right = [total + more for total, more in zip(right, _right(gold, doc), strict=True)]
        gold_sentences, doc_sentences = _sentences(gold), _sentences(doc)
        same += len(gold_sentences & doc_sentences)
        predicted, gold_count = predicted + len(doc_sentences), gold_count + len(gold_sentences)
    upos, uas, las, las_subtypes = (round(100 * count / words, 2) for count in right)
    return ParserScores(upos, uas, las, las_subtypes, round(200 * same / (predicted + gold_count), 2))


def _right(gold: "Doc", doc: "Doc") -> tuple[int, int, int, int]:
    """Words with the right part of speech, head, head and relation, head and relation with subtype."""
    theirs = {(token.idx, token.idx + len(token)): token for token in doc}
    upos = uas = las = las_subtypes = 0
    for word in gold:
        token = theirs.get((word.idx, word.idx + len(word)))
        if token is None:
            continue
        upos += token.pos == word.pos
        if (token.head.idx, len(token.head)) != (word.head.idx, len(word.head)):
            continue
        uas += 1
        las += token.dep_.split(":")[0] == word.dep_.split(":")[0]
        las_subtypes += token.dep == word.dep
    return upos, uas, las, las_subtypes


def _sentences(doc: "Doc") -> set[tuple[int, int]]:
    return {(sentence.start_char, sentence.end_char) for sentence in doc.sents}
