"""Texts in, what the filters and the stages need to know about them out.

    Parser(ParserSettings()).parse(["A brown dog chases two balls."]) ->
    [ParsedText(features=TextFeatures(tokens=6, objects=2, attributes=1, actions=1, proper_nouns=0,
                                      object_degrees=(3, 2), action_degrees=(2,)),
                noun_chunks=[(0, 11), (19, 28)])]          "A brown dog", "two balls"

One `Parser` per process: spaCy's own `n_process` ships whole documents between processes and is slower than one
process; workers that return these small tuples are not (docs/parser.md).
"""

import hashlib
from importlib import metadata, util
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NamedTuple

from pydantic import Field

from filters.chunks import noun_chunks
from filters.features import ElementWords, TextFeatures, element_words, text_features
from shards.errors import ModelError
from shards.finding import Span
from shards.settings import Danger, Settings

if TYPE_CHECKING:
    from collections.abc import Iterator

    from spacy.language import Language
    from spacy.tokens import Doc

BUNDLED = Path(__file__).parent / "bundled_parser"
_UNUSED = ("ner", "entity_linker", "entity_ruler", "lemmatizer", "textcat", "textcat_multilabel", "senter")
"""Components whose output no filter reads; leaving them out makes `en_core_web_sm` about twice as fast."""


MAX_CHARS = 100_000
"""Of a text that a parser is given; a caption of the longest kind has 2,000. spaCy refuses more than a million, for the
memory that it would take."""


class ParserError(ModelError):
    """A pipeline that is not installed, or that does not give parts of speech and dependencies."""


class ParserSettings(Settings):
    """Which spaCy pipeline reads the texts."""

    pipeline: Annotated[str | None, Danger("(imports the package)")] = Field(
        None,
        description="name or folder of an installed spaCy pipeline with a tagger and a dependency parser, such as"
        " en_core_web_sm; null: the small one that ships with the project, the same on every machine",
    )
    batch_size: int = Field(256, ge=1, description="texts that spaCy reads at once")


class ParsedText(NamedTuple):
    """noun_chunks: character spans of the base noun phrases, determiners included, in order of appearance."""

    features: TextFeatures
    noun_chunks: list[Span]


class Parser:
    """Reads texts with one spaCy pipeline. Cheap to build and to pickle before `load()`."""

    def __init__(self, settings: ParserSettings) -> None:
        self.settings = settings
        self._nlp: Language | None = None

    def load(self) -> None:
        """Loads the pipeline. Raises ParserError if it is not installed or cannot parse."""
        import spacy

        name = self.settings.pipeline or BUNDLED
        try:
            nlp = spacy.load(name, exclude=list(_UNUSED))
        except OSError as error:
            raise ParserError(
                f"filters.parser.pipeline: spaCy cannot load {str(name)!r}: install it with"
                f" `python -m spacy download {name}`, or leave the setting empty to use the bundled one ({error})"
            ) from error
        probe = nlp("A dog runs.")
        lacking = [what for what in ("POS", "DEP") if not probe.has_annotation(what)]
        if lacking:
            raise ParserError(
                f"filters.parser.pipeline: {str(name)!r} must give POS and DEP, it gives no {' and no '.join(lacking)}:"
                f" choose a pipeline with a tagger and a parser; this one has {', '.join(nlp.pipe_names) or 'nothing'}"
            )
        self._nlp = nlp

    def parse(self, texts: list[str]) -> list[ParsedText]:
        """One ParsedText per text, same order; texts of any length, the empty one too. Of one longer than MAX_CHARS
        only the words are counted. Raises ParserError before `load()`."""
        docs = self._docs([text for text in texts if len(text) <= MAX_CHARS])
        return [
            ParsedText(text_features(doc := next(docs)), noun_chunks(doc)) if len(text) <= MAX_CHARS else _counted(text)
            for text in texts
        ]

    def elements(self, texts: list[str]) -> list[ElementWords]:
        """The objects, attributes and actions of each text as words; of one longer than MAX_CHARS none. Raises
        ParserError before `load()`."""
        docs = self._docs([text for text in texts if len(text) <= MAX_CHARS])
        return [element_words(next(docs)) if len(text) <= MAX_CHARS else ElementWords((), (), ()) for text in texts]

    def _docs(self, texts: list[str]) -> "Iterator[Doc]":
        if self._nlp is None:
            raise ParserError("Parser.parse was called before load(): call load() once in each worker process")
        return self._nlp.pipe(texts, batch_size=self.settings.batch_size)

    def fingerprint(self) -> dict[str, str]:
        """What decides the parse, without loading it: the pipeline and its version, or the hash of its folder; and
        spaCy's version, whose tokenizer rules it uses."""
        name = self.settings.pipeline
        spacy_version = metadata.version("spacy")
        if name is None:
            return {"pipeline": "bundled", "version": _hash_of(BUNDLED), "spacy": spacy_version}
        if Path(name).is_dir():
            return {"pipeline": Path(name).name, "version": _hash_of(Path(name)), "spacy": spacy_version}
        if util.find_spec(name) is None:
            raise ParserError(
                f"filters.parser.pipeline: {name!r} is not installed: `python -m spacy download {name}`, or leave the"
                " setting empty to use the bundled one"
            )
        return {"pipeline": name, "version": metadata.version(name), "spacy": spacy_version}


def _counted(text: str) -> ParsedText:
    """A text that is too long to be parsed: its words, and nothing about them."""
    return ParsedText(TextFeatures(len(text.split()), 0, 0, 0, 0), [])


def _hash_of(folder: Path) -> str:
    """sha256 over the names and bytes of all files below `folder`, first 16 hex digits."""
    digest = hashlib.sha256()
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        digest.update(path.relative_to(folder).as_posix().encode() + b"\0")
        digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()[:16]
