"""Parsed texts written by hand: `parsed("A/DET/det>1 dog/NOUN/ROOT>1")`, so that rules are tested without a model."""

import spacy
from spacy.tokens import Doc

VOCAB = spacy.blank("en").vocab


def parsed(text: str) -> Doc:
    """A Doc from words `form/POS/dep>head`, head counted from 0; a form that starts with ^ has no blank before it."""
    words, tags, deps, heads = [], [], [], []
    for word in text.split():
        form, tag, relation = word.split("/")
        dep, head = relation.split(">")
        words.append(form)
        tags.append(tag)
        deps.append(dep)
        heads.append(int(head))
    glued = [word.startswith("^") for word in words]
    spaces = [not follows for follows in [*glued[1:], True]]
    return Doc(VOCAB, words=[word.lstrip("^") for word in words], spaces=spaces, pos=tags, deps=deps, heads=heads)


UD = {
    "chase": parsed(
        "A/DET/det>2 brown/ADJ/amod>2 dog/NOUN/nsubj>3 chases/VERB/ROOT>3 two/NUM/nummod>5 balls/NOUN/obj>3"
        " ^./PUNCT/punct>3"
    ),
    "road": parsed(
        "Man/NOUN/ROOT>0 riding/VERB/acl>0 a/DET/det>4 motor/NOUN/compound>4 bike/NOUN/obj>1 on/ADP/case>8 a/DET/det>8"
        " dirt/NOUN/compound>8 road/NOUN/obl>1"
    ),
    "there": parsed(
        "There/PRON/expl>1 is/VERB/ROOT>1 a/DET/det>4 parked/VERB/amod>4 car/NOUN/nsubj>1 in/ADP/case>6"
        " New/PROPN/nmod>4 York/PROPN/flat>6 ^./PUNCT/punct>1"
    ),
    "hat": parsed(
        "the/DET/det>1 man/NOUN/nmod:poss>4 ^'s/PART/case>1 red/ADJ/amod>4 hat/NOUN/ROOT>4 and/CCONJ/cc>8 a/DET/det>8"
        " big/ADJ/amod>8 bag/NOUN/conj>4 that/PRON/nsubj>10 shines/VERB/acl:relcl>8"
    ),
    "colors": parsed(
        "It/PRON/nsubj>6 is/AUX/cop>6 a/DET/det>6 big/ADJ/amod>6 ^,/PUNCT/punct>6 black/ADJ/amod>6 dog/NOUN/ROOT>6"
    ),
}
"""As UD English annotates."""

CLEAR_NLP = {
    "chase": parsed(
        "A/DET/det>2 brown/ADJ/amod>2 dog/NOUN/nsubj>3 chases/VERB/ROOT>3 two/NUM/nummod>5 balls/NOUN/dobj>3"
        " ^./PUNCT/punct>3"
    ),
    "road": parsed(
        "Man/NOUN/ROOT>0 riding/VERB/acl>0 a/DET/det>4 motor/NOUN/compound>4 bike/NOUN/dobj>1 on/ADP/prep>1"
        " a/DET/det>8 dirt/NOUN/compound>8 road/NOUN/pobj>5"
    ),
    "there": parsed(
        "There/PRON/expl>1 is/VERB/ROOT>1 a/DET/det>4 parked/VERB/amod>4 car/NOUN/attr>1 in/ADP/prep>4"
        " New/PROPN/compound>7 York/PROPN/pobj>5 ^./PUNCT/punct>1"
    ),
    "hat": parsed(
        "the/DET/det>1 man/NOUN/poss>4 ^'s/PART/case>1 red/ADJ/amod>4 hat/NOUN/ROOT>4 and/CCONJ/cc>4 a/DET/det>8"
        " big/ADJ/amod>8 bag/NOUN/conj>4 that/PRON/nsubj>10 shines/VERB/relcl>8"
    ),
    "colors": parsed(
        "It/PRON/nsubj>1 is/AUX/ROOT>1 a/DET/det>6 big/ADJ/amod>6 ^,/PUNCT/punct>6 black/ADJ/amod>6 dog/NOUN/attr>1"
    ),
}
"""The same texts as en_core_web_* annotates."""
