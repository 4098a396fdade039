"""Groups of gold sentences in, groups as captions are typed out: in lower case, without the final full stop."""

from collections.abc import Sequence
from dataclasses import replace
from random import Random

from stages.recipes.parser.treebank import Sentence

LOWERED = 0.15
UNSTOPPED = 0.2


def augmented(sentences: Sequence[Sentence], rng: Random) -> list[Sentence]:
    """The sentences, changed with the shares above. Heads and relations stay true."""
    result = list(sentences)
    if rng.random() < LOWERED:
        result = [replace(sentence, words=tuple(word.lower() for word in sentence.words)) for sentence in result]
    if rng.random() < UNSTOPPED:
        result[-1] = without_final_stop(result[-1])
    return result


def without_final_stop(sentence: Sentence) -> Sentence:
    """The sentence without its last word if that is punctuation on which nothing hangs."""
    last = len(sentence.words) - 1
    if last == 0 or sentence.tags[last] != "PUNCT" or last in sentence.heads[:last] or sentence.heads[last] == last:
        return sentence
    return Sentence(
        words=sentence.words[:last],
        spaces=sentence.spaces[:last],
        tags=sentence.tags[:last],
        heads=sentence.heads[:last],
        deps=sentence.deps[:last],
    )
