"""CoNLL-U in, spaCy examples out.

Comes in: a treebank file. Goes out: paragraphs, each a list of sentences as the treebank has them:

    1	dogs	dog	NOUN	NNS	Number=Plur	2	nsubj	2:nsubj	_
    2	run	run	VERB	VBP	Mood=Ind	0	root	0:root	SpaceAfter=No
    3	.	.	PUNCT	.	_	2	punct	2:punct	_
    -> Sentence(words=("dogs", "run", "."), spaces=(True, False, True), tags=("NOUN", ...), heads=(1, 1, 1), ...)
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from spacy.language import Language
    from spacy.tokens import Doc
    from spacy.training import Example


@dataclass(frozen=True)
class Sentence:
    """One parsed sentence. heads[i] is the index of word i's head in the sentence, the root's own index for a root;
    spaces[i]: a space follows word i; tags: universal parts of speech; deps: UD relations, the root's is `root`."""

    words: tuple[str, ...]
    spaces: tuple[bool, ...]
    tags: tuple[str, ...]
    heads: tuple[int, ...]
    deps: tuple[str, ...]

    def __post_init__(self) -> None:
        lengths = {len(self.words), len(self.spaces), len(self.tags), len(self.heads), len(self.deps)}
        if len(lengths) != 1:
            raise ValueError(f"all five fields of a sentence must have one length, got {sorted(lengths)}")


def read_paragraphs(path: Path) -> list[list[Sentence]]:
    """The paragraphs of a CoNLL-U file, split at its `newdoc` and `newpar` comments. Raises ValueError, naming the
    line, where a row has not ten columns."""
    paragraphs: list[list[Sentence]] = []
    block: list[str] = []
    with path.open(encoding="utf-8") as lines:
        for number, line in enumerate(lines, start=1):
            line = line.rstrip("\n")
            if not paragraphs or (paragraphs[-1] and line.startswith(("# newdoc", "# newpar"))):
                paragraphs.append([])
            if line.startswith("#"):
                continue
            if line:
                if line.count("\t") != 9:
                    raise ValueError(f"{path.name} line {number}: a row must have 10 columns, got {line!r}")
                block.append(line)
            elif block:
                paragraphs[-1].append(_sentence(block))
                block = []
    if block:
        paragraphs[-1].append(_sentence(block))
    return [paragraph for paragraph in paragraphs if paragraph]


def _sentence(rows: Sequence[str]) -> Sentence:
    words, tags, heads, deps = [], [], [], []
    spaces: list[bool] = []
    joined_until, space_after_joined = 0, True
    for columns in (row.split("\t") for row in rows):
        place, space = columns[0], "SpaceAfter=No" not in columns[9]
        if "." in place:  # an empty node of the enhanced graph: no word of the text
            continue
        if "-" in place:  # "2-3 don't": one surface token, split into the words 2 and 3 below it
            joined_until, space_after_joined = int(place.split("-")[1]), space
            continue
        index = int(place)
        head = int(columns[6])
        words.append(columns[1])
        tags.append(columns[3])
        heads.append(head - 1 if head else index - 1)
        deps.append(columns[7])
        if index < joined_until:
            space = False
        elif index == joined_until:
            space = space_after_joined
        spaces.append(space)
    return Sentence(tuple(words), tuple(spaces), tuple(tags), tuple(heads), tuple(deps))


def groups(paragraphs: Iterable[Sequence[Sentence]], size: int) -> Iterator[list[Sentence]]:
    """Runs of at most `size` neighbouring sentences of one paragraph."""
    for paragraph in paragraphs:
        for start in range(0, len(paragraph), size):
            yield list(paragraph[start : start + size])


def example(nlp: "Language", sentences: Sequence[Sentence]) -> "Example":
    """The sentences as gold for their own raw text, which the pipeline's tokenizer cuts as it will in use."""
    from spacy.training import Example

    gold = document(nlp, sentences)
    return Example(nlp.make_doc(gold.text), gold)


def document(nlp: "Language", sentences: Sequence[Sentence]) -> "Doc":
    """The sentences as one spaCy Doc with gold tokens, parts of speech, heads, relations and sentence starts."""
    from spacy.tokens import Doc

    words: list[str] = []
    spaces: list[bool] = []
    tags: list[str] = []
    heads: list[int] = []
    deps: list[str] = []
    for sentence in sentences:
        offset = len(words)
        words.extend(sentence.words)
        spaces.extend((*sentence.spaces[:-1], True))
        tags.extend(sentence.tags)
        heads.extend(head + offset for head in sentence.heads)
        deps.extend("ROOT" if dep == "root" else dep for dep in sentence.deps)
    return Doc(nlp.vocab, words=words, spaces=spaces, pos=tags, heads=heads, deps=deps)
