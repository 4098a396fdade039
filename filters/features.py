"""One parsed text in, its semantic elements out: objects, attributes, actions, proper nouns and their complexity.

The elements are those of Florence-2's corpus statistics (section 4.4, Table 3), found by part of speech and
dependency; the complexity of a token is its degree in the dependency tree read as an undirected graph (section 4.2,
after DiHT, Radenovic et al. 2023, section 3.1). For "A brown dog chases two balls.":

    object      NOUN that is not part of a compound's name     dog, balls     degrees 3 (A, brown, chases), 2
    attribute   ADJ, or VERB that modifies a noun              brown
    action      any other VERB but "be"                        chases         degree 2 (dog, balls; "." not counted)
    proper noun PROPN, a name of several words counts once     -

Punctuation is no token and no edge: a text must not become richer by its full stop. The rules read the universal
part of speech, which all spaCy pipelines give, and labels of both UD and ClearNLP.
"""

from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from spacy.strings import StringStore
    from spacy.tokens import Doc

_NAME_PARTS = ("compound", "nn", "flat", "flat:name", "flat:foreign", "fixed", "goeswith")
"""Dependents that are part of their head's name: "dirt" in "dirt road"."""
_MODIFIERS = ("amod", "compound", "nn")
"""A VERB with one of these labels describes: "parked" cars, a horse "drawn" carriage."""
_BE = ("be", "is", "are", "was", "were", "been", "being", "am", "'s", "’s", "'re", "’re", "'m", "’m")
"""A VERB only in "there is a dog" (in both schemes), where nothing acts."""


class TextFeatures(NamedTuple):
    """Counts over one text. Degrees are in order of appearance, one for each object and each action."""

    tokens: int
    objects: int
    attributes: int
    actions: int
    proper_nouns: int
    object_degrees: tuple[int, ...] = ()
    action_degrees: tuple[int, ...] = ()

    @property
    def object_complexity(self) -> int:
        """The largest degree of an object, 0 without objects: how much is said about the best described one."""
        return max(self.object_degrees, default=0)

    @property
    def action_complexity(self) -> int:
        """The largest degree of an action, 0 without actions."""
        return max(self.action_degrees, default=0)


class _Hashes(NamedTuple):
    """spaCy's numbers for the strings that the rules compare, as signed integers like those of a Doc's table."""

    name_parts: frozenset[int]
    modifiers: frozenset[int]
    be: frozenset[int]


@lru_cache(maxsize=8)
def _hashes(strings: "StringStore") -> _Hashes:
    names = (_NAME_PARTS, _MODIFIERS, _BE)
    return _Hashes(
        *(frozenset(np.array([strings.add(n) for n in group], np.uint64).view(np.int64).tolist()) for group in names)
    )


class ElementWords(NamedTuple):
    """The words of one text that are its elements, lower case, in order of appearance."""

    objects: tuple[str, ...]
    attributes: tuple[str, ...]
    actions: tuple[str, ...]


def text_features(doc: "Doc") -> TextFeatures:
    """The features of a Doc with parts of speech, heads and dependency labels."""
    table = _table(doc)
    degrees = [0] * len(table)
    for place, (offset, *_, word) in enumerate(table):
        if offset and word and table[place + offset][-1]:
            degrees[place] += 1
            degrees[place + offset] += 1
    objects, attributes, actions, proper_nouns = _elements(doc, table)
    return TextFeatures(
        sum(row[-1] for row in table),
        len(objects),
        len(attributes),
        len(actions),
        len(proper_nouns),
        tuple([degrees[place] for place in objects]),
        tuple([degrees[place] for place in actions]),
    )


def element_words(doc: "Doc") -> ElementWords:
    """Which words of a Doc `text_features` counts; of a compound its head only ("road" of "dirt road")."""
    objects, attributes, actions, _ = _elements(doc, _table(doc))
    return ElementWords(*(tuple(doc[place].lower_ for place in places) for places in (objects, attributes, actions)))


def _table(doc: "Doc") -> list[list[int]]:
    """One row per token: offset to its head, part of speech, dependency, lower-case form, 1 if it is a word.

    One table and plain loops: for a caption of ten words numpy's fixed cost per call would be ten times as high.
    Blanks are asked for by IS_SPACE: a treebank has none, so a tagger trained on one may call a double blank a noun."""
    from spacy.attrs import DEP, HEAD, IS_SPACE, LOWER, POS
    from spacy.symbols import PUNCT

    rows = doc.to_array([HEAD, POS, DEP, LOWER, IS_SPACE]).view(np.int64).tolist()
    return [[head, pos, dep, lower, int(pos != PUNCT and not space)] for head, pos, dep, lower, space in rows]


def _elements(doc: "Doc", table: list[list[int]]) -> tuple[list[int], list[int], list[int], list[int]]:
    """Places of the objects, attributes, actions and proper nouns."""
    from spacy.symbols import ADJ, NOUN, PROPN, VERB

    name_parts, modifiers, be = _hashes(doc.vocab.strings)
    objects, attributes, actions, proper_nouns = [], [], [], []
    for place, (_, pos, dep, lower, word) in enumerate(table):
        if not word:
            continue
        if pos == NOUN and dep not in name_parts:
            objects.append(place)
        elif pos == ADJ or (pos == VERB and dep in modifiers):
            attributes.append(place)
        elif pos == VERB and lower not in be:
            actions.append(place)
        elif pos == PROPN and dep not in name_parts:
            proper_nouns.append(place)
    return objects, attributes, actions, proper_nouns
