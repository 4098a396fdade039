"""`fld init`: what `engine/api/init.py` wrote, and what to do with it."""

from typing import TYPE_CHECKING

from engine.api import init as api
from engine.console.terminal import err, styled

if TYPE_CHECKING:
    from stages.retrain.build import Size


def init(
    out: str,
    size: "Size",
    corpus: str | None,
    number: int,
    texts: str | None,
    tokenizer: str | None,
    seed: int,
    *,
    ordinal: bool,
) -> None:
    """Write the checkpoint `out`."""
    made = api.init(
        out, size, corpus=corpus, round=number, texts=texts, tokenizer=tokenizer, seed=seed, ordinal=ordinal
    )
    err.print(f"{out}: {size}, {made.parameters / 1e6:,.1f} million untrained parameters, {made.tokens:,} tokens")
    err.print("Train it:", styled("bold", f"fld retrain CORPUS --from {out}"))
