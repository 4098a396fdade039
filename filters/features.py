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
from numpy.typing import NDArray

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


@lru_cache(maxsize=8)
def _hashes(strings: "StringStore", names: tuple[str, ...]) -> NDArray[np.uint64]:
    return np.array([strings.add(name) for name in names], dtype=np.uint64)


def text_features(doc: "Doc") -> TextFeatures:
    """The features of a Doc with parts of speech, heads and dependency labels."""
    from spacy.attrs import DEP, HEAD, IS_SPACE, LOWER, POS
    from spacy.symbols import ADJ, NOUN, PROPN, PUNCT, VERB

    # uint64 [n, 5]; HEAD is a signed offset. Blanks are asked for by IS_SPACE: a treebank has none, so a tagger
    # trained on one may call a double blank a noun.
    table = doc.to_array([HEAD, POS, DEP, LOWER, IS_SPACE])
    offsets, deps, lower = table[:, 0].astype(np.int64), table[:, 2], table[:, 3]
    words = (table[:, 1] != PUNCT) & (table[:, 4] == 0)
    pos = np.where(words, table[:, 1], 0)
    places = np.arange(len(pos))
    heads = places + offsets
    edges = (offsets != 0) & words & words[heads]
    degrees = np.bincount(places[edges], minlength=len(pos)) + np.bincount(heads[edges], minlength=len(pos))

    strings = doc.vocab.strings
    part_of_name = np.isin(deps, _hashes(strings, _NAME_PARTS))
    modifies = (pos == VERB) & np.isin(deps, _hashes(strings, _MODIFIERS))
    objects = (pos == NOUN) & ~part_of_name
    actions = (pos == VERB) & ~modifies & ~np.isin(lower, _hashes(strings, _BE))
    return TextFeatures(
        tokens=int(words.sum()),
        objects=int(objects.sum()),
        attributes=int(((pos == ADJ) | modifies).sum()),
        actions=int(actions.sum()),
        proper_nouns=int(((pos == PROPN) & ~part_of_name).sum()),
        object_degrees=tuple(degrees[objects].tolist()),
        action_degrees=tuple(degrees[actions].tolist()),
    )
