"""What counts as a loop that listens to itself."""

from typing import Self

from pydantic import Field, model_validator

from shards.settings import Settings


class Limit(Settings):
    """Where a sign is worth a word, and where it ends the loop. null: never."""

    warn: float | None = Field(None, ge=0, description="warn from here on")
    stop: float | None = Field(None, ge=0, description="stop the loop from here on")


class WatchSettings(Settings):
    """Limits of what may change from round 0. A *loss* is 1 - now / round 0, a *change* |now / round 0 - 1|."""

    images: int = Field(2000, ge=1, description="most images that are looked at; the same in every round")
    label_entropy_loss: Limit = Field(
        Limit(warn=0.15, stop=0.4), description="loss of the entropy of object labels: few labels take over"
    )
    vocabulary_loss: Limit = Field(Limit(warn=0.3, stop=0.7), description="loss of different words in texts")
    boxes_change: Limit = Field(Limit(warn=0.5, stop=1.5), description="change of objects per image")
    length_change: Limit = Field(Limit(warn=0.3, stop=1.0), description="change of words per brief text")
    complexity_loss: Limit = Field(Limit(warn=0.3, stop=0.7), description="loss of relations per object in brief texts")
    disagreement_boxes: Limit = Field(
        Limit(warn=0.5, stop=0.85), description="1 - F1 of the objects (IoU 0.5 and label) against round 0"
    )
    disagreement_texts: Limit = Field(Limit(warn=0.6, stop=0.9), description="1 - F1 of the words of brief texts")
    unsupported_regions: Limit = Field(
        Limit(warn=0.5, stop=0.8), description="share of regions for which only the loop's own model votes"
    )
    self_agreement: Limit = Field(
        Limit(warn=0.98), description="F1 of the model's objects against the previous round's model: nothing new"
    )
    patience: int = Field(
        2, ge=1, description="end the loop after this many models in a row that raised no measure of the gate"
    )

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        for name in type(self).model_fields:
            limit = getattr(self, name)
            if not isinstance(limit, Limit) or limit.warn is None or limit.stop is None:
                continue
            if limit.stop < limit.warn:
                raise ValueError(f"{name}.stop must be at least its warn ({limit.warn}), got {limit.stop}")
        return self
