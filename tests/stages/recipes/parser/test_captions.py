import random

from stages.recipes.parser.captions import captions
from stages.recipes.parser.treebank import Sentence


def text_of(sentence: Sentence) -> str:
    return "".join(word + " " * space for word, space in zip(sentence.words, sentence.spaces, strict=True)).strip()


def test_the_same_seed_gives_the_same_captions() -> None:
    assert captions(random.Random(1), 20) == captions(random.Random(1), 20)
    assert captions(random.Random(1), 20) != captions(random.Random(2), 20)


def test_every_caption_is_a_projective_tree_with_one_root() -> None:
    for sentence in captions(random.Random(3), 500):
        assert sentence.deps.count("root") == 1
        for place, head in enumerate(sentence.heads):
            assert (place == head) == (sentence.deps[place] == "root")
            assert _reaches_root(place, sentence)
            for between in range(min(place, head) + 1, max(place, head)):
                assert min(place, head) <= sentence.heads[between] <= max(place, head)


def _reaches_root(place: int, sentence: Sentence) -> bool:
    for _ in sentence.words:
        if sentence.heads[place] == place:
            return True
        place = sentence.heads[place]
    return False


def test_the_shapes_of_captions_are_all_there() -> None:
    texts = [text_of(sentence) for sentence in captions(random.Random(4), 500)]
    for opening in ("There is", "There are", "The image shows", "A ", "a ", "In the background, "):
        assert any(text.startswith(opening) for text in texts), opening
    assert 0.45 < sum(text.endswith(".") for text in texts) / len(texts) < 0.75
    assert not any("  " in text for text in texts)
