"""A describer behind an OpenAI-compatible endpoint (a service, or vLLM, llama.cpp, Ollama ... of your own).

Comes in: images and what is known of them. Goes out: one text per image. Where the endpoint can, it is asked for a
structured answer, in which declining has a field of its own; else for plain text. Errors are either about one image
(ItemError: cut off, empty, refused, no answer) or about the set-up (RunStopError: key, model, credit, budget).

An ItemError makes the engine run the other images of the batch again. What is known is not asked again, refusals and
failures included; and answers outlive the process (`kept_answers`). Texts of an endpoint can differ from run to run,
even at temperature 0; the raw column keeps what was said, and a finished shard is not asked again.
"""

import base64
import io
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from shards.finding import Granularity
from specialists.chat_session import ChatSession, Request
from specialists.description import fill, read_template
from specialists.devices import loaded
from specialists.kept_answers import KeptAnswers
from specialists.openai_settings import OpenAiSettings
from specialists.roles import (
    Context,
    Fingerprint,
    Image,
    ItemError,
    MissingRequirementError,
    ScoredCaption,
    check_images,
)
from specialists.weights import library, require_package

_STRUCTURE = {
    "type": "json_schema",
    "json_schema": {
        "name": "description",
        "strict": True,
        "schema": {
            "type": "object",
            "properties": {"description": {"type": "string"}, "refusal": {"type": "string"}},
            "required": ["description", "refusal"],
            "additionalProperties": False,
        },
    },
}
_TOLD = (
    '\n\nAnswer with a JSON object: {"description": "the text", "refusal": ""}. If you cannot describe this image,'
    ' leave "description" empty and say why in "refusal".'
)


class OpenAiDescriber:
    """See `specialists.roles.Describer`."""

    def __init__(self, settings: OpenAiSettings) -> None:
        self._settings = settings
        self._session: ChatSession | None = None

    def load(self) -> None:
        """Checks key and templates, and makes the client. Sends nothing."""
        of = self._settings
        require_package(of.backend, "openai", "describer")
        key = "" if of.api_key_env is None else os.environ.get(of.api_key_env, "").strip()
        if not key and of.api_key_env is not None:
            raise MissingRequirementError(
                f"openai: the environment variable {of.api_key_env} holds no key for {of.base_url}: export it, or set"
                " api_key_env to null if the endpoint needs none"
            )
        self._templates()
        from openai import OpenAI

        kept = Path(of.account).with_suffix(".answers.sqlite") if of.account else None
        client = OpenAI(base_url=of.base_url, api_key=key or "none", timeout=of.timeout_s, max_retries=0)
        self._session = ChatSession(of, client, key, KeptAnswers(kept))

    def describe(self, images: list[Image], contexts: list[Context], granularity: Granularity) -> list[ScoredCaption]:
        """One text per image, no score. Raises ItemError for the first image without an acceptable answer, when all
        have been asked; RunStopError if the endpoint refuses key, model or credit, or the budget is spent."""
        check_images(images)
        session = loaded(self._settings.backend, self._session)
        template = read_template(self._settings.prompts, granularity)
        requests = [self._request(*each, template) for each in zip(images, contexts, strict=True)]
        with ThreadPoolExecutor(self._settings.concurrency) as threads:
            answers = list(threads.map(session.ask, requests))
        for index, answer in enumerate(answers):
            if answer.problem:
                raise ItemError(index, answer.problem)
        return [ScoredCaption(answer.text) for answer in answers]

    def fingerprint(self) -> Fingerprint:
        """Needs no `load`, no key and no network. What `structured: auto` becomes depends on the endpoint, like its
        answers: it is no fact."""
        of = self._settings
        facts: Fingerprint = {
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
        return facts if of.structured == "auto" else facts | {"structured": of.structured}

    def close(self) -> None:
        """Closes the connections."""
        if self._session is not None:
            self._session.close()
        self._session = None

    def _templates(self) -> list[str]:
        return [read_template(self._settings.prompts, level) for level in ("detailed", "more_detailed")]

    def _request(self, image: Image, context: Context, template: str) -> Request:
        of = self._settings
        prompt = fill(template, image, context, of.prompts.max_regions)
        picture = data_url(image, of.image_side) if of.send_image else None
        optional = {of.max_tokens_field: of.max_tokens, "temperature": of.temperature, "seed": of.seed}
        given = {name: value for name, value in optional.items() if value is not None}
        plain = {"model": of.model, "messages": _messages(prompt, picture)} | given
        if of.structured == "never":
            return Request(plain)
        structured = {"model": of.model, "messages": _messages(prompt + _TOLD, picture), "response_format": _STRUCTURE}
        return Request(plain, structured | given, fixed=of.structured == "always")


def _messages(prompt: str, picture: str | None) -> list[dict[str, Any]]:
    content: Any = prompt  # a plain string for text alone: not every compatible server reads a list of parts
    if picture is not None:
        content = [{"type": "text", "text": prompt}, {"type": "image_url", "image_url": {"url": picture}}]
    return [{"role": "user", "content": content}]


def data_url(image: Image, side: int) -> str:
    """The picture as JPEG in a data URL, its longer side `side` px at most."""
    from PIL import Image as Pil

    picture = Pil.fromarray(image)
    picture.thumbnail((side, side))
    out = io.BytesIO()
    picture.save(out, "JPEG", quality=90)
    return f"data:image/jpeg;base64,{base64.b64encode(out.getvalue()).decode()}"
