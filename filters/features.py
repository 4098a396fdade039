"""One parsed text in, its semantic elements out: objects, attributes, actions, proper nouns and their complexity.

The elements are those of Florence-2's corpus statistics (section 4.4, Table 3), found by part of speech and
dependency; the complexity of a token is its degree in the dependency tree read as an undirected graph (section 4.2,
after DiHT, Radenovic et al. 2023, section 3.1). For "A brown dog chases two balls.":

    object      NOUN that is not part of a compound's name     dog, balls     degrees 3 (A, brown, chases), 2
    attribute   ADJ, or VERB that modifies a noun              brown
    action      any other VERB                                 chases         degree 2 (dog, balls; "." not counted)
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
_MODIFIERS = ("amod",)


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


@lru_cache(maxsize=8)
def _labels(strings: "StringStore", names: tuple[str, ...]) -> np.ndarray:
    return np.array([strings.add(name) for name in names], dtype=np.uint64)


def text_features(doc: "Doc") -> TextFeatures:
    """The features of a Doc with parts of speech, heads and dependency labels."""
    from spacy.attrs import DEP, HEAD, POS
    from spacy.symbols import ADJ, NOUN, PROPN, PUNCT, SPACE, VERB

    table = doc.to_array([HEAD, POS, DEP])  # uint64 [n, 3]; HEAD is a signed offset
    offsets, pos, deps = table[:, 0].astype(np.int64), table[:, 1], table[:, 2]
    words = (pos != PUNCT) & (pos != SPACE)
    places = np.arange(len(pos))
    heads = places + offsets
    edges = (offsets != 0) & words & words[heads]
    degrees = np.bincount(places[edges], minlength=len(pos)) + np.bincount(heads[edges], minlength=len(pos))

    part_of_name = np.isin(deps, _labels(doc.vocab.strings, _NAME_PARTS))
    modifies = (pos == VERB) & np.isin(deps, _labels(doc.vocab.strings, _MODIFIERS))
    objects = (pos == NOUN) & ~part_of_name
    actions = (pos == VERB) & ~modifies
    return TextFeatures(
        tokens=int(words.sum()),
        objects=int(objects.sum()),
        attributes=int(((pos == ADJ) | modifies).sum()),
        actions=int(actions.sum()),
        proper_nouns=int(((pos == PROPN) & ~part_of_name).sum()),
        object_degrees=tuple(degrees[objects].tolist()),
        action_degrees=tuple(degrees[actions].tolist()),
    )
