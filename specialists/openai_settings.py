"""Settings of the endpoint describer: where it is, what it is asked, and what that may cost.

A key never stands here: settings are kept in corpus.yaml. `api_key_env` names the environment variable that holds it.
"""

import re
from typing import Annotated, Literal

from pydantic import Field, field_validator
from pydantic_core import PydanticCustomError

from shards.settings import SECRET, Danger, Settings
from specialists.description import PromptSettings

_VARIABLE = re.compile(r"[A-Z_][A-Z0-9_]*")
_ADDRESS = re.compile(r"https?://[^\s/?#@]+(/[^\s?#@]*)?", re.IGNORECASE)


class OpenAiSettings(Settings):
    """An endpoint, a model and what it may cost."""

    backend: Literal["openai"] = Field("openai", description="an OpenAI-compatible endpoint (chat completions)")
    base_url: Annotated[str, Danger("(is sent the key and the pictures)")] = Field(
        "https://api.openai.com/v1", description="address of the endpoint, without a key in it"
    )
    model: str = Field(min_length=1, description="name of the model there; pin a dated version where there is one")
    api_key_env: Annotated[str | None, Danger("(the variable is sent to base_url)")] = Field(
        "OPENAI_API_KEY", description="environment variable that holds the key; null: the endpoint needs none"
    )
    prompts: PromptSettings = Field(PromptSettings(), description="what the model is told")
    structured: Literal["auto", "never", "always"] = Field(
        "auto", description="ask for JSON with a field for refusals; auto: plainly from an endpoint that cannot"
    )
    send_image: bool = Field(False, description="send the picture, too (the model must accept images)")
    image_side: int = Field(1024, ge=32, description="longer side of the picture that is sent, in pixels at most")
    temperature: float | None = Field(0.0, ge=0, le=2, description="null: the model's own")
    seed: int | None = Field(0, description="sampling seed, where the endpoint knows one; null: none is sent")
    max_tokens: int = Field(1024, ge=1, description="an answer that reaches this is cut off, and refused")
    max_tokens_field: Literal["max_tokens", "max_completion_tokens"] = Field(
        "max_tokens", description="how the endpoint calls that limit; OpenAI's newer models: max_completion_tokens"
    )
    whole_answers: list[str] = Field([], description="finish reasons of a whole answer that only this endpoint uses")
    concurrency: int = Field(8, ge=1, description="requests at a time, per actor")
    timeout_s: float = Field(
        120.0, gt=0, description="one image's answer may take this long, repeats and pauses included"
    )
    max_retries: int = Field(5, ge=0, description="times that a failed request is repeated, with growing pauses")
    max_pause_s: float = Field(
        60.0, ge=0, description="pause that an endpoint may ask for (Retry-After); a longer one ends the run"
    )
    max_requests: int | None = Field(
        None, ge=1, description="requests at most, of all actors and runs together; null: no limit"
    )
    max_total_tokens: int | None = Field(
        None,
        ge=1,
        description="no new request after so many tokens, prompts and answers, of all actors and runs; null: no limit",
    )
    prompt_price: float = Field(0.0, ge=0, description="of a million tokens of prompts, for the account in fld status")
    answer_price: float = Field(0.0, ge=0, description="of a million tokens of answers")
    account: str | None = Field(
        None, description="file in which all actors note what was spent; null: costs/NAME.json of the corpus"
    )

    @field_validator("base_url")
    @classmethod
    def _without_secrets(cls, value: str) -> str:
        """It is kept in corpus.yaml and in fingerprints, and stands in errors."""
        if not _ADDRESS.fullmatch(value):
            raise PydanticCustomError(
                SECRET,
                "base_url must be http:// or https://, a host and a path, without user, password or query: put a key"
                " into an environment variable and name that in api_key_env",
            )
        return value

    @field_validator("api_key_env")
    @classmethod
    def _named(cls, value: str | None) -> str | None:
        if value is not None and not _VARIABLE.fullmatch(value):
            raise PydanticCustomError(
                SECRET,
                "api_key_env must be the name of an environment variable, in capitals such as OPENAI_API_KEY, never the"
                " key itself: it would be written into the corpus",
            )
        return value
