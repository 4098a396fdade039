"""How a model writes its answers: ours alone, never what comes with a checkpoint.

transformers obeys the generation_config.json of a checkpoint. Released Florence-2 conversions ban every run of three
tokens that was written before, others punish repeated words or sample: located answers then lose labels that occur
twice, and a model that is trained on them learns it. Here everything is stated. What a checkpoint still says is which
tokens begin, end and fill an answer.
"""

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from specialists.roles import Fingerprint

TOKENS: Final = ("bos_token_id", "eos_token_id", "pad_token_id", "decoder_start_token_id")
NEUTRAL: Final[dict[str, Any]] = {
    "do_sample": False,
    "early_stopping": False,
    "length_penalty": 1.0,
    "repetition_penalty": 1.0,
    "encoder_repetition_penalty": 1.0,
    "no_repeat_ngram_size": 0,
    "encoder_no_repeat_ngram_size": 0,
    "min_length": 0,
    "min_new_tokens": 0,
    "bad_words_ids": None,
    "sequence_bias": None,
    "suppress_tokens": None,
    "begin_suppress_tokens": None,
    "forced_bos_token_id": None,
    "exponential_decay_length_penalty": None,
    "guidance_scale": 1.0,
    "stop_strings": None,
}
"""What of transformers' GenerationConfig changes an answer, with the value at which it does nothing."""


@dataclass(frozen=True)
class Decoding:
    """Greedy search (num_beams 1) or beam search, to the end token or max_new_tokens, whatever is more probable."""

    num_beams: int
    max_new_tokens: int
    no_repeat_ngram_size: int = 0
    early_stopping: bool = False
    length_penalty: float = 1.0
    repetition_penalty: float = 1.0

    @property
    def arguments(self) -> dict[str, Any]:
        """For `generate`."""
        return {"do_sample": False, **asdict(self)}

    def facts(self, weights: Path | None) -> Fingerprint:
        """For a fingerprint. weights: a local checkpoint; None: on a hub, unseen.

        Where the checkpoint asks for something that is not obeyed (or may, on a hub), everything is stated: columns
        that were written when it was obeyed are written again. Elsewhere nothing has changed, and columns stay."""
        stated = [f"{name}={value}" for name, value in self.arguments.items()]
        plain = self == Decoding(self.num_beams, self.max_new_tokens)
        facts: Fingerprint = {"num_beams": self.num_beams, "max_new_tokens": self.max_new_tokens}
        return facts if plain and weights is not None and not overruled(weights) else facts | {"decoding": stated}


def own_decoding(model: Any) -> None:
    """From now on `model.generate` of transformers, and that of the models inside it, obey their arguments alone."""
    import transformers

    library: Any = transformers
    for part in model.modules():
        stated = getattr(part, "generation_config", None)
        if stated is not None:
            part.generation_config = library.GenerationConfig(**{name: getattr(stated, name, None) for name in TOKENS})


def overruled(folder: Path) -> list[str]:
    """What the checkpoint in `folder` asks of an answer that `own_decoding` does not heed, in alphabetical order."""
    stated = _read(folder / "generation_config.json")
    if not stated:  # as transformers does: from the model's own configuration
        config = _read(folder / "config.json")
        stated = {**config, **(config.get("text_config") or {})}
    return sorted(name for name, neutral in NEUTRAL.items() if stated.get(name) not in (None, neutral))


def _read(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return {}  # loading will say what is wrong with it
    return content if isinstance(content, dict) else {}
