"""A describer behind an OpenAI-compatible endpoint (a service, or vLLM, llama.cpp, Ollama ... of your own).

Comes in: images and what is known of them. Goes out: one text per image. The official client repeats a request that
met a timeout, a broken connection, 408, 409, 429 or 5xx, with growing pauses and after the time that a Retry-After
header names. What is left is either about one image (ItemError: cut off, empty, refused, not JSON, refused request) or
about the set-up (SpecialistError: key, model, address, budget).

An ItemError makes the engine run the other images of the batch again. Their answers are remembered, so that no request
is paid for twice. Texts of an endpoint can differ from run to run, even at temperature 0; the raw column keeps what was
said, and a finished shard is not asked again.
"""

import base64
import hashlib
import io
import os
import threading
from collections import OrderedDict
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Literal

import msgspec
from pydantic import Field

from shards.finding import Granularity
from shards.settings import Settings
from specialists.description import Answer, PromptSettings, fill, judge, read_template
from specialists.devices import loaded
from specialists.roles import (
    Caption,
    Context,
    Fingerprint,
    Image,
    ItemError,
    MissingRequirementError,
    SpecialistError,
    check_images,
)
from specialists.spending import Account, Limits
from specialists.weights import library, require_package

_REMEMBERED = 4096
"""Answers kept per process: far more than a batch, about 4 MB."""


class OpenAiSettings(Settings):
    """An endpoint, a model and what it may cost."""

    backend: Literal["openai"] = Field("openai", description="an OpenAI-compatible endpoint (chat completions)")
    base_url: str = Field("https://api.openai.com/v1", description="address of the endpoint")
    model: str = Field(min_length=1, description="name of the model there; pin a dated version where there is one")
    api_key_env: str | None = Field(
        "OPENAI_API_KEY", description="environment variable that holds the key; null: the endpoint needs none"
    )
    prompts: PromptSettings = Field(PromptSettings(), description="what the model is told")
    send_image: bool = Field(False, description="send the picture, too (the model must accept images)")
    image_side: int = Field(1024, ge=32, description="longer side of the picture that is sent, in pixels at most")
    temperature: float | None = Field(0.0, ge=0, le=2, description="null: the model's own")
    seed: int | None = Field(0, description="sampling seed, where the endpoint knows one; null: none is sent")
    max_tokens: int = Field(1024, ge=1, description="an answer that reaches this is cut off, and refused")
    max_tokens_field: Literal["max_tokens", "max_completion_tokens"] = Field(
        "max_tokens", description="how the endpoint calls that limit; OpenAI's newer models: max_completion_tokens"
    )
    concurrency: int = Field(8, ge=1, description="requests at a time, per actor")
    timeout_s: float = Field(120.0, gt=0, description="one request may take this long")
    max_retries: int = Field(5, ge=0, description="times that a failed request is repeated, with growing pauses")
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


class OpenAiDescriber:
    """See `specialists.roles.Describer`."""

    def __init__(self, settings: OpenAiSettings) -> None:
        self._settings = settings
        self._session: _Session | None = None

    def load(self) -> None:
        """Checks key and templates, and makes the client. Sends nothing."""
        of = self._settings
        require_package(of.backend, "openai", "describer")
        key = "none" if of.api_key_env is None else os.environ.get(of.api_key_env, "")
        if not key:
            raise MissingRequirementError(
                f"openai: the environment variable {of.api_key_env} holds no key for {of.base_url}: export it, or set"
                " api_key_env to null if the endpoint needs none"
            )
        self._templates()
        self._session = _Session(of, key)

    def describe(self, images: list[Image], contexts: list[Context], granularity: Granularity) -> list[Caption]:
        """One text per image, no score. Raises ItemError for the first image without an acceptable answer, when all
        have been asked; SpecialistError if the endpoint refuses key or model, or the budget is spent."""
        check_images(images)
        session = loaded(self._settings.backend, self._session)
        template = read_template(self._settings.prompts, granularity)
        requests = [self._request(*each, template) for each in zip(images, contexts, strict=True)]
        with ThreadPoolExecutor(self._settings.concurrency) as threads:
            answers = list(threads.map(session.ask, requests))
        for index, answer in enumerate(answers):
            if answer.problem:
                raise ItemError(index, answer.problem)
        return [Caption(answer.text) for answer in answers]

    def fingerprint(self) -> Fingerprint:
        """Needs no `load`, no key and no network."""
        of = self._settings
        return {
            "backend": of.backend,
            "library": library(of.backend, "openai", "describer"),
            "base_url": of.base_url,
            "model": of.model,
            "prompts": self._templates(),
            "max_regions": of.prompts.max_regions,
            "refusals": of.prompts.refusals,
            "image_side": of.image_side if of.send_image else None,
            "temperature": of.temperature,
            "seed": of.seed,
            "max_tokens": of.max_tokens,
        }

    def close(self) -> None:
        """Closes the connections."""
        if self._session is not None:
            self._session.client.close()
        self._session = None

    def _templates(self) -> list[str]:
        return [read_template(self._settings.prompts, level) for level in ("detailed", "more_detailed")]

    def _request(self, image: Image, context: Context, template: str) -> dict[str, Any]:
        of = self._settings
        prompt = fill(template, image, context, of.prompts.max_regions)
        content: Any = prompt  # a plain string for text alone: not every compatible server reads a list of parts
        if of.send_image:
            picture = {"type": "image_url", "image_url": {"url": _data_url(image, of.image_side)}}
            content = [{"type": "text", "text": prompt}, picture]
        request = {"model": of.model, "messages": [{"role": "user", "content": content}]}
        optional = {of.max_tokens_field: of.max_tokens, "temperature": of.temperature, "seed": of.seed}
        return request | {name: value for name, value in optional.items() if value is not None}


class _Session:
    """The client of one process, what it has spent, and the last answers it got. Used by many threads."""

    def __init__(self, settings: OpenAiSettings, key: str) -> None:
        from openai import OpenAI

        self.client = OpenAI(
            base_url=settings.base_url, api_key=key, timeout=settings.timeout_s, max_retries=settings.max_retries
        )
        self._settings = settings
        self._lock = threading.Lock()
        limits = Limits(settings.max_requests, settings.max_total_tokens)
        self._account = Account(Path(settings.account) if settings.account else None, limits)
        self._answers: OrderedDict[bytes, Answer] = OrderedDict()

    def ask(self, request: dict[str, Any]) -> Answer:
        """The answer to one request: from memory, if it was answered before."""
        key = hashlib.sha256(msgspec.json.encode(request)).digest()
        with self._lock:
            known = self._answers.get(key)
        return known or self._send(request, key)

    def _send(self, request: dict[str, Any], key: bytes) -> Answer:
        import openai

        attempts = self._settings.max_retries + 1
        for _ in range(attempts):
            self._account.book()
            try:
                completion = self.client.chat.completions.create(**request)
            except (openai.AuthenticationError, openai.PermissionDeniedError, openai.NotFoundError) as error:
                raise SpecialistError(
                    f"openai: {self._settings.base_url} refuses model {self._settings.model!r}: {_short(error)}"
                ) from error
            except openai.APIStatusError as error:
                return Answer("", f"HTTP {error.status_code}: {_short(error)}")
            except openai.APIConnectionError as error:  # and APITimeoutError; repeated by the client already
                return Answer("", f"no answer from {self._settings.base_url}: {_short(error)}")
            except (openai.OpenAIError, ValueError):
                continue  # a body that is no JSON: the client does not repeat these
            choices = getattr(completion, "choices", None)  # a body of another shape is a string, or lacks fields
            if isinstance(choices, list) and choices and choices[0].message is not None:
                answer = self._judge(choices[0])
                if completion.usage:
                    self._account.pay(completion.usage.prompt_tokens or 0, completion.usage.completion_tokens or 0)
                self._remember(key, answer)
                return answer
        return Answer("", f"malformed answer, {attempts} times")

    def _judge(self, choice: Any) -> Answer:
        if choice.finish_reason == "length":
            return Answer("", f"cut off at {self._settings.max_tokens} tokens: raise specialist.max_tokens")
        if choice.finish_reason == "content_filter":
            return Answer("", "refused: content filter")
        if getattr(choice.message, "refusal", None):
            return Answer("", f"refused: {choice.message.refusal[:100]}")
        return judge(choice.message.content or "", self._settings.prompts.refusals)

    def _remember(self, key: bytes, answer: Answer) -> None:
        with self._lock:
            self._answers[key] = answer
            while len(self._answers) > _REMEMBERED:
                self._answers.popitem(last=False)


def _data_url(image: Image, side: int) -> str:
    """The picture as JPEG in a data URL, its longer side `side` px at most."""
    from PIL import Image as Pil

    picture = Pil.fromarray(image)
    picture.thumbnail((side, side))
    out = io.BytesIO()
    picture.save(out, "JPEG", quality=90)
    return f"data:image/jpeg;base64,{base64.b64encode(out.getvalue()).decode()}"


def _short(error: Exception) -> str:
    return " ".join(str(error).split())[:200]
