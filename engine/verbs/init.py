"""`fld init`: an untrained Florence-2 as a folder that `fld retrain --from` starts from.

Comes in: a size and where the tokenizer comes from. Goes out: a `save_pretrained` folder (`stages/retrain/build.py`).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from engine.config.config_text import ConfigError
from engine.console.terminal import err, styled

if TYPE_CHECKING:
    from stages.retrain.build import Size

ENOUGH = 100_000
"""Images of a round whose texts are read: what a tokenizer learns changes little after so many."""


@dataclass(frozen=True)
class TokenizerSource:
    """Exactly one of: a corpus, whose round is read; texts, a file with one text per line; tokenizer, a checkpoint.

    Raises ConfigError for none or several."""

    corpus: str | None = None
    round: int = 0
    texts: str | None = None
    tokenizer: str | None = None

    def __post_init__(self) -> None:
        given = {"--corpus": self.corpus, "--texts": self.texts, "--tokenizer": self.tokenizer}
        named = [name for name, value in given.items() if value is not None]
        if len(named) != 1:
            raise ConfigError(
                f"fld init needs one of {', '.join(given)}, got {' and '.join(named) or 'none'}: say from what the"
                " tokenizer is learned or taken"
            )


def init(out: str, size: "Size", source: TokenizerSource, seed: int, *, ordinal: bool) -> None:
    """Write the checkpoint `out`. Raises ConfigError if it is there, what the source raises if it cannot be read."""
    from specialists.devices import quiet_transformers
    from stages.retrain import build

    folder = Path(out)
    if folder.exists():
        raise ConfigError(f"{out} is there already: name a new folder, or delete it")
    quiet_transformers()
    tokenizer = _tokenizer(source, build.SIZES[size].vocabulary)
    model = build.build_model(size, tokenizer, seed, ordinal_locations=ordinal)
    build.save_untrained(model, build.build_processor(size, tokenizer), folder)
    count = sum(weights.numel() for weights in model.parameters())
    err.print(f"{out}: {size}, {count / 1e6:,.1f} million untrained parameters, {len(tokenizer):,} tokens")
    err.print("Train it:", styled("bold", f"fld retrain CORPUS --from {out}"))


def _tokenizer(source: TokenizerSource, vocabulary: int) -> Any:
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


def _round_texts(source: TokenizerSource) -> Iterator[str]:
    """Of the images that are trained on: what is held out stays unseen."""
    from engine.corpus.session import look
    from shards.reader import Corpus
    from stages.held_out import is_held_out
    from stages.retrain.build import tokenizer_texts

    session = look(source.corpus or "")
    held_out = session.config.loop.retrain.held_out
    round_ = Corpus(session.store).round(source.round)
    records = (record for shard in round_.shards() for record in round_.records(shard))
    for record in islice((each for each in records if not is_held_out(each.sha256, held_out)), ENOUGH):
        yield from tokenizer_texts(record)
