"""One parsed text in, the character spans of its base noun phrases out.

    "the man's red hat on a table" -> (0, 17) "the man's red hat", (21, 28) "a table"

spaCy's own `doc.noun_chunks` for English knows only ClearNLP's labels: on a UD parse it loses every object of a verb
or preposition. These rules read both schemes. A phrase is a noun, proper noun or pronoun with the modifiers to its
left (determiner included) and the rest of its name to its right. Relative pronouns, relative clauses and
prepositional phrases are left out, and no phrase lies inside another.
"""

from typing import TYPE_CHECKING

from shards.finding import Span

if TYPE_CHECKING:
    from spacy.tokens import Doc, Token

_HEADS = frozenset({"NOUN", "PROPN", "PRON"})
_LEFT = frozenset(
    {"det", "det:predet", "predet", "amod", "nummod", "compound", "nn", "nmod", "nmod:poss", "poss", "nmod:desc"}
    | {"nmod:unmarked", "flat", "fixed"}
)
"""Modifiers that belong to the phrase when they stand left of its head."""
_RIGHT = frozenset({"flat", "flat:name", "flat:foreign", "fixed", "goeswith"})
_PART = frozenset({"compound", "nn", "flat", "flat:name", "flat:foreign", "fixed", "goeswith"})
"""A token with one of these labels is part of a longer name, never a phrase of its own."""
_OPENS_NONE = frozenset({"ADP", "CCONJ", "SCONJ", "PUNCT"})
"""Never the first word of a phrase; yet a parser may hang a preposition on a modifier: "of snow" in "of snow field"."""
_RELATIVE = frozenset({"that", "which", "who", "whom", "whose", "what"})
"""Pronouns that open a clause and stand for a phrase that was already met."""
_BETWEEN = frozenset({"punct", "cc"})
"""May stand between two modifiers ("a big, red dog") but never opens a phrase."""


def noun_chunks(doc: "Doc") -> list[Span]:
    """Start and end (exclusive) characters of each phrase, in order of appearance."""
    found: list[Span] = []
    taken = len(doc)  # phrases are met from right to left: what starts at or after this token is used up
    for token in reversed(doc):
        if token.i >= taken or not _is_head(token):
            continue
        start, end = _left_edge(token), min(_right_edge(token), taken - 1)
        while start < token.i and (doc[start].is_space or doc[start].pos_ in _OPENS_NONE):
            start += 1
        while doc[end].is_space:
            end -= 1
        found.append((doc[start].idx, doc[end].idx + len(doc[end])))
        taken = start
    return found[::-1]


def _is_head(token: "Token") -> bool:
    return (
        token.pos_ in _HEADS
        and token.dep_ not in _PART
        and token.dep_ != "expl"  # the "there" of "there is"
        and not token.is_space  # which a tagger trained on a treebank may call a noun
        and not (token.pos_ == "PRON" and token.lower_ in _RELATIVE)
    )


def _left_edge(head: "Token") -> int:
    """The first token of the phrase: the furthest left modifier with everything between it and the head."""
    start = head.i
    for child in reversed(list(head.lefts)):
        if child.dep_ in _LEFT:
            start = child.left_edge.i
        elif child.dep_ not in _BETWEEN:
            break
    return start


def _right_edge(head: "Token") -> int:
    """The last token of the name that `head` opens ("New" in "New York City" where UD makes the first word head)."""
    end = head.i
    for child in head.rights:
        if child.dep_ not in _RIGHT or child.left_edge.i != end + 1:
            break
        end = child.right_edge.i
    return end
