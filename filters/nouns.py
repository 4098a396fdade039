"""The forms in which a text may use a noun: "cup" in, "cup", "cups" and "cupes" out; and what a phrase names.

English needs no dictionary to be recognised: a form that does not exist is in no text. Irregular plurals ("mice") are
not known.
"""

from functools import lru_cache

from shards.folding import plain


@lru_cache(maxsize=65_536)
def noun_forms(noun: str) -> frozenset[str]:
    """Singular and possible regular plurals of a noun or a name in lower case ("traffic light", "traffic lights")."""
    plural = f"{noun[:-1]}ies" if noun.endswith("y") else noun
    return frozenset({noun, f"{noun}s", f"{noun}es", plural})


def names(phrase: str, label: str) -> bool:
    """Whether a phrase names a label, in singular or plural: "two small cups" names "cup"."""
    text = f" {plain(phrase)} "
    return any(f" {form} " in text for form in noun_forms(label))
