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


def text_features(doc: "Doc") -> TextFeatures:
    """The features of a Doc with parts of speech, heads and dependency labels."""
    from spacy.attrs import DEP, HEAD, IS_SPACE, LOWER, POS
    from spacy.symbols import ADJ, NOUN, PROPN, PUNCT, VERB

    # One table and plain loops: for a caption of ten words numpy's fixed cost per call would be ten times as high.
    # Blanks are asked for by IS_SPACE: a treebank has none, so a tagger trained on one may call a double blank a noun.
    table = doc.to_array([HEAD, POS, DEP, LOWER, IS_SPACE]).view(np.int64).tolist()  # HEAD: offset to the head
    name_parts, modifiers, be = _hashes(doc.vocab.strings)
    is_word = [pos != PUNCT and not space for _, pos, _, _, space in table]
    degrees = [0] * len(table)
    for place, (offset, *_) in enumerate(table):
        if offset and is_word[place] and is_word[place + offset]:
            degrees[place] += 1
            degrees[place + offset] += 1

    objects, actions, attributes, proper_nouns = [], [], 0, 0
    for place, (_, pos, dep, lower, _) in enumerate(table):
        if not is_word[place]:
            continue
        if pos == NOUN and dep not in name_parts:
            objects.append(degrees[place])
        elif pos == ADJ or (pos == VERB and dep in modifiers):
            attributes += 1
        elif pos == VERB and lower not in be:
            actions.append(degrees[place])
        elif pos == PROPN and dep not in name_parts:
            proper_nouns += 1
    return TextFeatures(
        sum(is_word), len(objects), attributes, len(actions), proper_nouns, tuple(objects), tuple(actions)
    )
