"""Settings of the scene generator, and the version that its pictures belong to."""

from typing import Literal, Self

from pydantic import Field, model_validator

from shards.settings import Settings

VERSION = 1
"""Raised whenever a picture or its gold changes: (VERSION, seed, index, settings) name a scene to the byte."""


Light = Literal["day", "dusk"]


class SceneSettings(Settings):
    """What generated pictures look like."""

    size: int = Field(256, ge=96, le=1024, description="longer side of a picture in pixels")
    square: bool = Field(False, description="square pictures only; false mixes 1:1, 4:3 and 3:4")
    max_objects: int = Field(8, ge=1, le=12, description="objects in one picture at most")
    empty_share: float = Field(0.04, ge=0, le=1, description="share of pictures without any object")
    sign_share: float = Field(0.3, ge=0, le=1, description="share of pictures with words on a sign")
    surreal_share: float = Field(0.15, ge=0, le=1, description="share of objects outside their usual place")
    noise: float = Field(6.0, ge=0, le=40, description="pixel noise: standard deviation at most, of 255")
    light: Light = Field("day", description="day: as the shipped checkpoints know scenes; dusk: dark, blue and blurred")


class NoiseSettings(Settings):
    """Known error rates of the noisy variant of the gold. Each is the chance of one region or one text."""

    drop: float = Field(0.15, ge=0, le=1, description="share of regions that are left out")
    jitter: float = Field(0.25, ge=0, le=1, description="share of kept regions whose box is moved and resized")
    jitter_scale: float = Field(0.2, gt=0, le=0.5, description="largest shift of an edge, as a share of its side")
    wrong_class: float = Field(0.15, ge=0, le=1, description="share of kept regions with another label")
    wrong_caption: float = Field(0.2, ge=0, le=1, description="share of pictures whose caption is of another picture")
    labelled: float = Field(1.0, gt=0, le=1, description="share of pictures that come with labels at all")

    @model_validator(mode="after")
    def _some_noise(self) -> Self:
        if not any((self.drop, self.jitter, self.wrong_class, self.wrong_caption)):
            raise ValueError(
                "drop, jitter, wrong_class and wrong_caption must not all be 0, got 0 for all four:"
                " raise one, or leave the noisy labels out"
            )
        return self
