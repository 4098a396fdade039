"""What describers share: the prompt they are given, and which answers are acceptable.

Comes in: a `Context` and a template file. Goes out: the prompt; and for an answer the text to keep, or the reason why
there is none. Templates are `string.Template`s with $brief, $regions, $width and $height; `specialists/prompts/` holds
one per granularity, and the settings can name others.
"""

import re
from pathlib import Path
from string import Template
from typing import Annotated, NamedTuple

from pydantic import Field, field_validator

from shards.finding import Granularity
from shards.settings import Danger, OnDisk, Settings
from specialists.chat_markup import strip_markup
from specialists.chat_politeness import strip_politeness
from specialists.refusals import declines
from specialists.roles import Context, Image, MissingRequirementError

PROMPTS = Path(__file__).parent / "prompts"
PLACEHOLDERS = {"brief", "regions", "width", "height"}
REFUSALS = (
    r"i('m| am) (very )?sorry",
    r"(sorry|unfortunately),? (but )?i",
    r"i (can('|no)t|won't)\b",
    r"i('m| am) (unable|not able) to\b",
    r"as an ai\b",
)
"""How English-speaking models begin that decline in words; `specialists/refusals.py` knows more."""


_QUOTES = {'""', "''", "“”", "„“", "«»", "「」"}
_SENT = Danger("(is read and sent to the model)")


class PromptSettings(Settings):
    """What a describer is told."""

    detailed: Annotated[str | None, _SENT, OnDisk()] = Field(
        None, description="template file of detailed texts; null: the shipped one"
    )
    more_detailed: Annotated[str | None, _SENT, OnDisk()] = Field(
        None, description="template file of more detailed texts; null: the shipped one"
    )
    max_regions: int = Field(50, ge=0, description="regions listed at most, in the order they come in")
    refusals: list[str] = Field(
        list(REFUSALS), description="an answer that begins like this (regular expression, any case) is a refusal"
    )
    known_refusals: bool = Field(
        True, description="so is one that declines in the words of specialists/refusals.py, in 45 languages"
    )

    @field_validator("refusals")
    @classmethod
    def _compiles(cls, value: list[str]) -> list[str]:
        for pattern in value:
            try:
                re.compile(pattern)
            except re.error as error:
                raise ValueError(f"refusals must be regular expressions, {pattern!r} is none: {error}") from error
        return value


class Description(NamedTuple):
    """An acceptable text, or the reason why there is none; one of the two is ""."""

    text: str
    problem: str


def read_template(settings: PromptSettings, granularity: Granularity) -> str:
    """The template's text. Raises MissingRequirementError for a file that is not there, ValueError for a granularity
    without template and for a placeholder that is never filled."""
    if granularity == "brief":
        raise ValueError("a describer writes detailed and more_detailed texts, got 'brief': use a captioner")
    named: str | None = getattr(settings, granularity)
    path = Path(named).expanduser() if named else PROMPTS / f"{granularity}.txt"
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise MissingRequirementError(
            f"describer: no prompt template at {str(path)!r} ({error.strerror}):"
            f" correct specialist.prompts.{granularity}"
        ) from error
    unknown = sorted(set(Template(text).get_identifiers()) - PLACEHOLDERS)
    if unknown or not Template(text).is_valid():
        raise ValueError(
            f"prompt template {path}: ${', $'.join(unknown) or '... is incomplete'} is not filled; there are"
            f" ${', $'.join(sorted(PLACEHOLDERS))}, and $$ writes a dollar sign"
        )
    return text


def fill(template: str, image: Image, context: Context, max_regions: int) -> str:
    """The prompt for one image; a region is a line "- a brown dog (10, 30, 200, 180)"."""
    height, width = image.shape[:2]
    lines = [
        f"- {' '.join(text.split())} ({', '.join(str(round(value)) for value in box)})"
        for text, box in context.regions[:max_regions]
    ]
    return Template(template).substitute(
        brief=context.brief.strip() or "(none)",
        regions="\n".join(lines) or "(nothing)",
        width=width,
        height=height,
    )


def check_description(text: str, prompts: PromptSettings) -> Description:
    """The answer alone, in one line, unless it is empty, cut off, damaged or declines in words."""
    stripped = strip_markup(text)
    if stripped.problem:
        return Description("", stripped.problem)
    plain = " ".join(strip_politeness(stripped.text).split())
    if plain[:1] + plain[-1:] in _QUOTES and not {*plain[1:-1]} & {plain[0], plain[-1]}:
        plain = plain[1:-1].strip()
    if not any(map(str.isalnum, plain)):
        return Description("", "empty answer")
    said = " ".join(stripped.text.split())
    own = any(re.match(pattern, plain.replace("’", "'"), re.IGNORECASE) for pattern in prompts.refusals)
    if own or (prompts.known_refusals and declines(said)):
        return Description("", f"refused: {said[:100]}")
    return Description(plain, "")
