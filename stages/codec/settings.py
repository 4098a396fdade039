"""What is asked about a record, and how long an answer may be."""

from typing import get_args

from pydantic import Field, field_validator

from shards.settings import Settings, named_once
from specialists.florence2_format import Task


class CodecSettings(Settings):
    """Tasks and budgets of the lessons. Budgets are tokens without `<s>` and `</s>`."""

    tasks: list[Task] = Field(list(get_args(Task)), min_length=1, description="what is asked, in this order")
    max_target_tokens: int = Field(
        1022, ge=1, description="an answer may be this long (1024 positions); lowest scores are left out, and counted"
    )
    max_prompt_tokens: int = Field(
        445, ge=1, description="a question may be this long; 1024 positions less 577 of a 768 px image and 2"
    )
    max_per_task: int = Field(
        8, ge=1, description="questions per image, best scores first, of each task that asks about one region or label"
    )
    max_polygon_points: int = Field(
        48, ge=3, description="corners of one outline, which is simplified until it has no more; 2 tokens each"
    )

    _different = field_validator("tasks")(named_once)
