"""An untrained Florence-2 as a folder that training starts from.

    init("new", "nano", corpus="corpus")        InitReport(path="new", size="nano", parameters=1724424, tokens=1700)

Comes in: a size and where the tokenizer comes from. Goes out: a `save_pretrained` folder (`stages/retrain/build.py`).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from engine.api.reports import Location
from engine.config.config_text import ConfigError

if TYPE_CHECKING:
    from stages.retrain.build import Size

ENOUGH = 100_000
"""Images of a round whose texts are read: what a tokenizer learns changes little after so many."""


@dataclass(frozen=True)
class InitReport:
    """A checkpoint that was written. parameters: how many weights; tokens: of its tokenizer."""

    path: str
    size: "Size"
    parameters: int
    tokens: int


@dataclass(frozen=True)
class _Source:
    """Where the tokenizer comes from: exactly one of a corpus, whose round is read, a file of texts, a checkpoint."""

    corpus: Location | None
    round: int
    texts: Location | None
    tokenizer: str | None

    def check(self) -> None:
        """Raise ConfigError for none or several."""
        given = {"--corpus": self.corpus, "--texts": self.texts, "--tokenizer": self.tokenizer}
        named = [name for name, value in given.items() if value is not None]
        if len(named) != 1:
            raise ConfigError(
                f"fld init needs one of {', '.join(given)}, got {' and '.join(named) or 'none'}: say from what the"
                " tokenizer is learned or taken"
            )


def init(
    out: Location,
    size: "Size",
    *,
    corpus: Location | None = None,
    round: int = 0,
    texts: Location | None = None,
    tokenizer: str | None = None,
    seed: int = 1,
    ordinal: bool = True,
) -> InitReport:
    """Write the untrained checkpoint `out`, a new folder; size: "nano", "base" or "large".

    The tokenizer is learned from what a round of a corpus trains, or from the lines of the file `texts`, or taken from
    the checkpoint `tokenizer`: one of the three. seed: equal ones give equal weights. ordinal: neighbouring location
    tokens start out alike. Raises ConfigError if `out` is there, what the source raises if it cannot be read."""
    from specialists.devices import quiet_transformers
    from stages.retrain import build

    source = _Source(corpus, round, texts, tokenizer)
    source.check()
    folder = Path(out)
    if folder.exists():
        raise ConfigError(f"{out} is there already: name a new folder, or delete it")
    quiet_transformers()
    vocabulary = _tokenizer(source, build.SIZES[size].vocabulary)
    model = build.build_model(size, vocabulary, seed, ordinal_locations=ordinal)
    build.save_untrained(model, build.build_processor(size, vocabulary), folder)
    count = sum(weights.numel() for weights in model.parameters())
    return InitReport(str(out), size, count, len(vocabulary))


def _tokenizer(source: _Source, vocabulary: int) -> Any:
    from stages.retrain.build import learn_tokenizer, load_tokenizer

    if source.tokenizer is not None:
        return load_tokenizer(source.tokenizer)
    texts = _lines(Path(source.texts)) if source.texts is not None else _round_texts(source)
    first = next(texts, None)
    if first is None:
        raise ConfigError(f"{source.texts or source.corpus} has no text to learn a tokenizer from")
    return learn_tokenizer(chain(_questions(), [first], texts), vocabulary)


def _questions() -> Iterator[str]:
    """Every question twice: a BPE merges nothing that it saw once."""
    from specialists.florence2_format import PROMPTS

    return chain(PROMPTS.values(), PROMPTS.values())


def _lines(path: Path) -> Iterator[str]:
    try:
        with path.open(encoding="utf-8") as lines:
            yield from filter(None, map(str.strip, lines))
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path} must be text in UTF-8, one per line: {error}") from error


def _round_texts(source: _Source) -> Iterator[str]:
    """Of the images that are trained on: what is held out stays unseen."""
    from engine.corpus.session import look
    from shards.reader import Corpus
    from stages.held_out import is_held_out
    from stages.retrain.build import tokenizer_texts

    session = look(str(source.corpus))
    held_out = session.config.loop.retrain.held_out
    round_ = Corpus(session.store).round(source.round)
    records = (record for shard in round_.shards() for record in round_.records(shard))
    for record in islice((each for each in records if not is_held_out(each.sha256, held_out)), ENOUGH):
        yield from tokenizer_texts(record)
