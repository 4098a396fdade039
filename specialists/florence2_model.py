"""A loaded Florence-2: questions about images in, answers with a probability for every token out.

Comes in: images and, for each, any number of prompts (`florence2_format.prompt`). Goes out: for each image one answer
per prompt. The vision tower, the dearest part, sees an image once, whatever the number of prompts:

    image --(vision tower, once)--> features --+-- "What does the image describe?" --> encoder --> generate --> Answer
                                               +-- "Locate the objects ..."        --> encoder --> generate --> Answer

Features of the last images are kept while their arrays live, and all roles of one process that name the same
checkpoint share one model. So a captioner, a detector and a grounder in one group encode an image once, too. Images
are recognised by identity: an array that went in must not be written to afterwards.

`score` asks the other way round: how likely is an answer that somebody else gave. The same pass, without generating.

Scores are the model's own: after generating, one pass of the decoder over the finished answer gives the probability of
each of its tokens. That equals `compute_transition_scores` for greedy search; unlike it, it keeps no step's
vocabulary-wide scores (51k floats per token and beam) and does not depend on beams or on forced tokens. A location
token counts with the probability of all bins near it: a model that is sure of an edge to within a pixel or two still
shares its probability among several bins, and would look unsure of every box.
"""

import itertools
import math
import weakref
from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar

from shards.finding import Span
from specialists.decoding import Decoding, own_decoding
from specialists.devices import pick_device, pick_dtype, writable
from specialists.florence2_checkpoint import load_florence2
from specialists.florence2_format import BINS
from specialists.roles import Image

if TYPE_CHECKING:
    import torch

T = TypeVar("T")

CACHED_IMAGES: Final = 64
"""Images whose features are kept: 64 x 577 tokens x 768 floats is 113 MB for the base model at 768 px."""
LOGITS_AT_ONCE: Final = 512
"""Tokens whose scores over the vocabulary are in memory at a time: 512 x 51,289 floats is 105 MB."""

NEAR_BINS: Final = 10
"""Bins to both sides of a written one that count as the same place: 1% of the image's side."""


@dataclass(frozen=True)
class Search:
    """How to generate. batch_size: images encoded, and answers generated, at a time."""

    decoding: Decoding
    batch_size: int


@dataclass(frozen=True, eq=False)
class Answer:
    """What the model wrote, special tokens of the sequence removed. spans[i] is where token i stands in the text (of
    ordinary tokens: the whole run, since a letter can take several tokens), logprobs[i] its log-probability; an end
    token that was written has the empty span at the end."""

    text: str
    spans: list[Span]
    logprobs: list[float]

    def score(self, *parts: Span) -> float:
        """Geometric mean probability, in [0, 1], of the tokens that touch one of `parts`; of all tokens if none is
        given. An answer without tokens has score 0."""
        chosen = [
            logprob
            for (start, end), logprob in zip(self.spans, self.logprobs, strict=True)
            if not parts or any(start < stop and end > begin for begin, stop in parts)
        ]
        return math.exp(sum(chosen) / len(chosen)) if chosen else 0.0


def joined(answers: Sequence[Answer]) -> Answer:
    """Answers about the parts of one thing as one answer."""
    if len(answers) == 1:
        return answers[0]
    starts = itertools.accumulate((len(answer.text) for answer in answers), initial=0)
    return Answer(
        "".join(answer.text for answer in answers),
        [(start + a, start + b) for answer, start in zip(answers, starts, strict=False) for a, b in answer.spans],
        [logprob for answer in answers for logprob in answer.logprobs],
    )


class Florence2Model:
    """transformers' Florence2ForConditionalGeneration and processor from a local folder, ready to answer."""

    def __init__(self, folder: Path, device: str, dtype: str) -> None:
        self._device = pick_device("florence2", device)
        model, self.processor = load_florence2(folder, pick_dtype(dtype, self._device))
        own_decoding(model)
        self._model: Any = model.to(self._device)
        self._tokenizer: Any = self.processor.tokenizer
        self._positions: int = self._model.config.text_config.max_position_embeddings
        self._silent = {self._tokenizer.bos_token_id, self._tokenizer.eos_token_id, self._tokenizer.pad_token_id}
        self._special: set[int] = set(self._tokenizer.added_tokens_decoder)
        places = [int(id_) for id_ in self._tokenizer.convert_tokens_to_ids(["<loc_0>", f"<loc_{BINS - 1}>"])]
        self._places = range(places[0], places[1] + 1)
        self._features: OrderedDict[int, tuple[weakref.ref[Image], torch.Tensor]] = OrderedDict()

    @property
    def prompt_room(self) -> int:
        """Tokens that a prompt may have: what the encoder's positions leave after the image, `<s>` and `</s>`."""
        return self._positions - int(self.processor.num_image_tokens) - 2

    def token_offsets(self, text: str) -> list[Span]:
        """Character span of each token of a free text."""
        encoded = self._tokenizer(text, add_special_tokens=False, return_offsets_mapping=True)
        return [(int(start), int(end)) for start, end in encoded["offset_mapping"]]

    def answer(self, images: list[Image], prompts: list[list[str]], search: Search) -> list[list[Answer]]:
        """One answer per prompt of each image. Raises ValueError for a prompt longer than `prompt_room`."""
        return self._each(images, prompts, search.batch_size, lambda rows, some: self._generate(rows, some, search))

    def score(self, images: list[Image], pairs: list[list[tuple[str, str]]], batch_size: int) -> list[list[Answer]]:
        """For each (prompt, answer) of an image that answer with the probabilities that the model gives its tokens
        and its end. One longer than the decoder's positions is cut, and has no end. Raises ValueError like `answer`."""
        return self._each(images, pairs, batch_size, self._forced)

    def _each(
        self,
        images: list[Image],
        asked: list[list[T]],
        batch_size: int,
        answer: "Callable[[torch.Tensor, list[T]], list[Answer]]",
    ) -> list[list[Answer]]:
        """What `answer` says to the questions of each image. It gets the features `[n, tokens, width]` of n questions
        of a batch, which may be of several images."""
        import torch

        answers: list[list[Answer]] = [[] for _ in images]
        with torch.inference_mode():
            for part in _chunks(range(len(images)), batch_size):
                questions = [(i, row, question) for row, i in enumerate(part) for question in asked[i]]
                features = self._encode_images([images[i] for i in part])
                for some in _chunks(questions, batch_size):
                    rows = torch.stack([features[row] for _, row, _ in some])
                    answered = answer(rows, [question for _, _, question in some])
                    for (i, _, _), result in zip(some, answered, strict=True):
                        answers[i].append(result)
        return answers

    def _encode_images(self, images: list[Image]) -> "list[torch.Tensor]":
        """Image features `[tokens, width]`, from the cache where the same array was seen lately."""
        import torch

        known = {}
        for key in map(id, images):
            if key in self._features:
                self._features.move_to_end(key)
                known[key] = self._features[key][1]
        fresh = list({id(image): image for image in images if id(image) not in known}.values())
        if fresh:
            pixels = self.processor.image_processor(
                images=writable(fresh), input_data_format="channels_last", return_tensors="pt"
            )["pixel_values"]
            pixels = pixels.to(self._device, self._model.dtype)
            encoded: torch.Tensor = self._model.get_image_features(pixels).pooler_output
            for image, features in zip(fresh, encoded, strict=True):
                known[id(image)] = features
                self._keep(image, features)
        return [known[id(image)] for image in images]

    def _keep(self, image: Image, features: "torch.Tensor") -> None:
        key, kept = id(image), self._features
        kept[key] = (weakref.ref(image, lambda _: kept.pop(key, None)), features)
        while len(kept) > CACHED_IMAGES:
            kept.popitem(last=False)

    def _generate(self, features: "torch.Tensor", questions: list[str], search: Search) -> list[Answer]:
        """features: `[n, tokens, width]`, row i belongs to questions[i]."""
        encoded, mask = self._read(features, questions)
        memory = encoded.last_hidden_state  # taken now: beam search repeats the rows of `encoded`
        fitting = replace(search.decoding, max_new_tokens=min(search.decoding.max_new_tokens, self._positions - 1))
        sequences = self._model.generate(
            encoder_outputs=encoded,
            attention_mask=mask,
            forced_eos_token_id=self._tokenizer.eos_token_id,  # of an answer that is cut off
            **fitting.arguments,
        )
        return self._answers(sequences, memory, mask)

    def _forced(self, features: "torch.Tensor", pairs: list[tuple[str, str]]) -> list[Answer]:
        """The decoder reads the answers as if it had written them."""
        encoded, mask = self._read(features, [question for question, _ in pairs])
        start: int = self._model.config.text_config.decoder_start_token_id
        ids = [[start, *self._ids(f"<s>{text}</s>")][: self._positions] for _, text in pairs]
        sequences = self._padded(ids)["input_ids"]
        return self._answers(sequences, encoded.last_hidden_state, mask)

    def _read(self, features: "torch.Tensor", questions: list[str]) -> "tuple[Any, torch.Tensor]":
        """The encoder's output about image and question, and its mask `[n, tokens]`."""
        import torch

        words = [self._ids(f"<s>{question}</s>") for question in questions]
        for question, ids in zip(questions, words, strict=True):
            if len(ids) > self.prompt_room + 2:
                raise ValueError(f"prompt has {len(ids) - 2} tokens, room is {self.prompt_room}: {question[:80]!r}")
        padded = self._padded(words)
        embedded = self._model.get_input_embeddings()(padded["input_ids"])
        seen = torch.ones(features.shape[:2], dtype=torch.long, device=self._device)
        mask = torch.cat([seen, padded["attention_mask"]], dim=1)
        encoded = self._model.get_encoder()(inputs_embeds=torch.cat([features, embedded], dim=1), attention_mask=mask)
        return encoded, mask

    def _ids(self, text: str) -> list[int]:
        ids: list[int] = self._tokenizer(text, add_special_tokens=False)["input_ids"]
        return ids

    def _padded(self, ids: list[list[int]]) -> Any:
        return self._tokenizer.pad({"input_ids": ids}, padding_side="right", return_tensors="pt").to(self._device)

    def _answers(self, sequences: "torch.Tensor", memory: "torch.Tensor", mask: "torch.Tensor") -> list[Answer]:
        """sequences: start token, `<s>` and answer, one per row."""
        logprobs = self._logprobs(sequences, memory, mask).tolist()
        return [self._answer(ids[1:], row) for ids, row in zip(sequences.tolist(), logprobs, strict=True)]

    def _logprobs(self, sequences: "torch.Tensor", memory: "torch.Tensor", mask: "torch.Tensor") -> "torch.Tensor":
        """float32 `[n, length - 1]`: log-probability of every token of the sequences but the first, the start token."""
        import torch

        hidden = self._model.model.language_model.decoder(
            input_ids=sequences[:, :-1], encoder_hidden_states=memory, encoder_attention_mask=mask, use_cache=False
        ).last_hidden_state
        step = max(1, LOGITS_AT_ONCE // len(sequences))
        parts = []
        for start in range(0, hidden.shape[1], step):
            logits = self._model.lm_head(hidden[:, start : start + step]).float()
            parts.append(self._chosen(logits, sequences[:, 1 + start : 1 + start + step]) - logits.logsumexp(-1))
        return torch.cat(parts, dim=1)

    def _chosen(self, logits: "torch.Tensor", ids: "torch.Tensor") -> "torch.Tensor":
        """The logits of `ids` [n, length] in logits [n, length, vocabulary]; of a location, of all near it together."""
        import torch

        near = ids.unsqueeze(-1) + torch.arange(-NEAR_BINS, NEAR_BINS + 1, device=ids.device)
        first, last = self._places.start, self._places.stop - 1
        is_place = (near >= first) & (near <= last)
        shared = logits.gather(-1, near.clamp(first, last)).masked_fill(~is_place, float("-inf")).logsumexp(-1)
        alone = logits.gather(-1, ids.unsqueeze(-1)).squeeze(-1)
        return torch.where((ids >= first) & (ids <= last), shared, alone)

    def _answer(self, ids: list[int], logprobs: list[float]) -> Answer:
        """The answer up to its end token. Runs of ordinary tokens are decoded together, special tokens one by one."""
        end = ids.index(self._tokenizer.eos_token_id) if self._tokenizer.eos_token_id in ids else len(ids)
        tokens = [(id_, logprob) for id_, logprob in zip(ids[:end], logprobs, strict=False) if id_ not in self._silent]
        text, spans = "", []
        for run in _runs([id_ for id_, _ in tokens], self._special):
            piece = self._tokenizer.decode(run, skip_special_tokens=False, clean_up_tokenization_spaces=False)
            spans += [(len(text), len(text) + len(piece))] * len(run)
            text += piece
        scores = [logprob for _, logprob in tokens]
        if end < len(ids):
            spans.append((len(text), len(text)))
            scores.append(logprobs[end])
        return Answer(text, spans, scores)


_models: weakref.WeakValueDictionary[tuple[Path, str, str], Florence2Model] = weakref.WeakValueDictionary()


def shared_model(folder: Path, device: str, dtype: str) -> Florence2Model:
    """The model of this process for that checkpoint, loaded if nobody holds it yet."""
    key = (folder.resolve(), device, dtype)
    model = _models.get(key)
    if model is None:
        model = _models[key] = Florence2Model(folder, device, dtype)
    return model


def _runs(ids: Sequence[int], special: set[int]) -> Iterator[list[int]]:
    """Cut into runs: ordinary tokens together, each special token alone."""
    for is_special, group in itertools.groupby(ids, special.__contains__):
        if is_special:
            yield from ([id_] for id_ in group)
        else:
            yield list(group)


def _chunks(items: Sequence[T], size: int) -> Iterator[Sequence[T]]:
    for start in range(0, len(items), size):
        yield items[start : start + size]
