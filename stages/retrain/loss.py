"""The loss of several answers about each image of a batch, with every image encoded once.

Comes in: pixels [b, 3, S, S] and groups of lessons of like length (rows into the batch, token ids). Goes out: the
summed negative log-likelihood of every answer, and its number of tokens.

    image --(vision tower, once)--> features --+--> "What does the image describe?"   --> answer, loss
                                               +--> "Locate the objects ..."          --> answer, loss

Imported only where something is trained: torch comes with it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from specialists.florence2_format import BINS

GROUPS = 3
"""Lessons of a batch are sorted by length and cut into so many groups: little is spent on padding."""


@dataclass(frozen=True, eq=False)
class LessonTensors:
    """Some lessons as tensors. rows int64 [n]: image of each in the batch; prompts, labels int64 [n, longest], padded
    on the right; order int64 [n]: position of each among all lessons of the batch."""

    rows: Tensor
    prompts: Tensor
    labels: Tensor
    order: Tensor

    def to(self, device: Any) -> "LessonTensors":
        """The same on another device."""
        return LessonTensors(*(part.to(device) for part in (self.rows, self.prompts, self.labels, self.order)))


def group_lessons(
    lessons: Sequence[tuple[int, list[int], list[int]]], pad: int, groups: int = GROUPS
) -> list[LessonTensors]:
    """(row, prompt ids, target ids; both with `<s>` and `</s>`) of a batch, shortest together."""
    order = sorted(range(len(lessons)), key=lambda i: len(lessons[i][1]) + len(lessons[i][2]))
    share = max(1, -(-len(order) // groups))
    tensors = []
    for start in range(0, len(order), share):
        some = order[start : start + share]
        rows = torch.tensor([lessons[i][0] for i in some])
        prompts = padded([lessons[i][1] for i in some], pad)
        labels = padded([lessons[i][2] for i in some], pad)
        tensors.append(LessonTensors(rows, prompts, labels, torch.tensor(some)))
    return tensors


def padded(rows: list[list[int]], fill: int) -> Tensor:
    """int64 tensor [n, longest], filled on the right."""
    longest = max(len(row) for row in rows)
    return torch.tensor([row + [fill] * (longest - len(row)) for row in rows])


def near_bins(spread: float) -> Tensor:
    """[1000, 1000]: row t is the wanted distribution over bins when t is right: a narrow bell, so that a near miss
    costs less than a far one and every answer teaches its neighbours."""
    bins = torch.arange(BINS, dtype=torch.float32)
    return torch.softmax(-((bins[None] - bins[:, None]) ** 2) / (2 * spread * spread), dim=1)


class LessonModel(nn.Module):
    """A Florence-2 whose forward pass is the loss: one module for DDP, FSDP and mixed precision to wrap."""

    near: Tensor | None

    def __init__(self, model: Any, tokenizer: Any, spread: float) -> None:
        super().__init__()
        self.model = model
        self.pad = int(tokenizer.pad_token_id)
        self.first_place = int(tokenizer.convert_tokens_to_ids("<loc_0>"))
        self.register_buffer("near", near_bins(spread) if spread > 0 else None, persistent=False)

    def forward(self, pixels: Tensor, groups: list[LessonTensors]) -> tuple[Tensor, Tensor]:
        """(float32 [n] summed loss, int64 [n] tokens) of the lessons, in the order they were given to group_lessons."""
        return self.losses(self.features(pixels), groups)

    def features(self, pixels: Tensor) -> Tensor:
        """[b, image tokens, width]"""
        found: Tensor = self.model.get_image_features(pixels).pooler_output
        return found

    def losses(self, features: Tensor, groups: list[LessonTensors]) -> tuple[Tensor, Tensor]:
        """As `forward`, from features that are already there."""
        found = torch.cat([self.say(group.labels, *self.hear(features, group)) for group in groups])
        tokens = torch.cat([(group.labels != self.pad).sum(dim=1) for group in groups])
        back = torch.cat([group.order for group in groups]).argsort()
        return found[back], tokens[back]

    def hear(self, features: Tensor, group: LessonTensors) -> tuple[Tensor, Tensor]:
        """(encoder's output [n, image tokens + longest question, width], its mask) for the lessons of a group."""
        pictures = features[group.rows]
        embedded = self.model.get_input_embeddings()(group.prompts)
        seen = torch.ones(pictures.shape[:2], dtype=torch.long, device=pictures.device)
        mask = torch.cat([seen, (group.prompts != self.pad).long()], dim=1)
        together = torch.cat([pictures, embedded], dim=1)
        encoder = self.model.model.language_model.encoder
        return encoder(inputs_embeds=together, attention_mask=mask).last_hidden_state, mask

    def say(self, labels: Tensor, memory: Tensor, mask: Tensor) -> Tensor:
        """float32 [n]: summed loss of every answer."""
        heard = labels.roll(1, dims=1)
        heard[:, 0] = self.model.config.text_config.decoder_start_token_id
        hidden = self.model.model.language_model.decoder(
            input_ids=heard, encoder_hidden_states=memory, encoder_attention_mask=mask, use_cache=False
        ).last_hidden_state
        real = labels != self.pad
        losses = self._tokens(self.model.lm_head(hidden[real]).float(), labels[real])
        owner = real.nonzero()[:, 0]
        return torch.zeros(len(labels), device=losses.device).index_add(0, owner, losses)

    def _tokens(self, logits: Tensor, wanted: Tensor) -> Tensor:
        """float32 [t]: cross-entropy of every token; a place is compared with the bell around it while training."""
        losses = functional.cross_entropy(logits, wanted, reduction="none")
        if self.near is None or not self.training:
            return losses
        place = (wanted >= self.first_place) & (wanted < self.first_place + BINS)
        bins = functional.log_softmax(logits[place], dim=-1)[:, self.first_place : self.first_place + BINS]
        return losses.masked_scatter(place, -(bins * self.near[wanted[place] - self.first_place]).sum(dim=-1))
