"""What an endpoint sent back, whoever wrote it: the text, whether it is whole, and what it cost.

Comes in: the JSON body of a chat completion, of a service or of vLLM, llama.cpp, Ollama, SGLang, TGI ... Goes out:
a `Reply`, or None for a body of another shape. Servers differ in the words for how an answer ended, in whether the
content is a string or a list of parts, in where they put the thinking (a field of its own, which is left), and in what
they count.
"""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

WHOLE = {"stop", "eos", "eos_token", "end", "end_turn", "end_of_turn", "stop_sequence", "complete", "completed",
         "finish", "finished", "finish_reason_unspecified", "done"}  # fmt: skip
CUT = {"length", "max_tokens", "max_length", "max_output_tokens", "model_length", "token_limit", "limit",
       "model_context_window_exceeded", "context_length_exceeded", "incomplete"}  # fmt: skip
FILTERED = {"content_filter", "content_filtered", "safety", "recitation", "blocklist", "prohibited_content", "spii",
            "image_safety", "language", "refusal", "error_toxic", "guardrail_intervened", "sensitive", "moderation",
            "blocked"}  # fmt: skip
"""Finish reasons, lower case, of OpenAI and Azure, Anthropic, Gemini, Mistral, Cohere, Bedrock, Zhipu, TGI and others.
A server that gives none is believed: older llama.cpp, Ollama and proxies leave the field out."""
MANY = 10**9
"""Tokens that no answer has."""
_THOUGHTS = ("reasoning_content", "reasoning", "thinking", "reasoning_details")


@dataclass(frozen=True)
class Reply:
    """text: as written; problem: why it is no whole answer, "" if it may be one; tokens: what the endpoint counts of
    prompt and of answer, None if it does not say."""

    text: str
    problem: str
    tokens: tuple[int, int] | None


def read_reply(body: Any, limit: str, whole: Collection[str] = ()) -> Reply | None:
    """limit: which setting to raise when an answer is cut off, with its value; whole: more finish reasons of a whole
    answer."""
    choices = body.get("choices") if isinstance(body, dict) else None
    choice = choices[0] if isinstance(choices, list) and choices else None
    if not isinstance(choice, dict):
        return None
    message = choice.get("message")
    if not isinstance(message, dict):
        if not isinstance(choice.get("text"), str):
            return None
        message = {"content": choice["text"]}
    text, refusal = _content(message.get("content"))
    if text is None:
        return None
    refusal = refusal or _string(message.get("refusal"))
    problem = f"refused: {refusal[:100]}" if refusal else _ending(choice.get("finish_reason"), limit, whole)
    if not problem and not text.strip() and any(message.get(name) for name in _THOUGHTS):
        problem = f"thought, and wrote no answer: raise {limit}"
    return Reply(text, problem, _tokens(body.get("usage")))


def error_of(body: Any) -> tuple[str, str]:
    """(words, code) of an error body; ("", "") for one that is none. Servers say {"error": {"message": ..., "code":
    ...}}, {"error": "..."}, {"message": ...} or {"detail": ...}."""
    if isinstance(body, list) and body:
        body = body[0]
    if not isinstance(body, dict):
        return "", ""
    error = body.get("error", body.get("detail", body.get("message", "")))
    if isinstance(error, list) and error:
        error = error[0]
    if not isinstance(error, dict):
        return _string(error), _string(body.get("code")) or _string(body.get("type"))
    words = _string(error.get("message")) or _string(error.get("msg")) or _string(error.get("detail"))
    inner = error.get("metadata")
    if isinstance(inner, dict) and isinstance(inner.get("raw"), str):  # OpenRouter: the words of the provider behind it
        words = f"{words}: {inner['raw']}"
    return words, " ".join(filter(None, (_string(error.get("code")), _string(error.get("type")))))


def _content(content: Any) -> tuple[str | None, str]:
    """(text, refusal); the text is None for something else than a text."""
    if content is None:
        return "", ""
    if isinstance(content, str):
        return content, ""
    if isinstance(content, dict):
        content = [content]
    if not isinstance(content, list):
        return None, ""
    texts, refusals = [], []
    for part in content:
        if isinstance(part, str):
            texts.append(part)
        elif isinstance(part, dict) and part.get("type") in ("text", "output_text", None):
            texts.append(_string(part.get("text")))
        elif isinstance(part, dict) and part.get("type") == "refusal":
            refusals.append(_string(part.get("refusal")))
    return "".join(texts), " ".join(refusals)


def _ending(reason: Any, limit: str, whole: Collection[str]) -> str:
    """ "" for a whole answer, else what is wrong with it."""
    said = _string(reason).strip()
    plain = said.lower().rpartition(".")[2]  # Gemini's proxies say FinishReason.STOP
    if not plain or plain in WHOLE or said in whole:
        return ""
    if plain in CUT:
        return f"cut off: raise {limit}"
    if plain in FILTERED:
        return f"refused: the endpoint's filter ({said})"
    return f"not finished: the endpoint says {said!r}; if that is a whole answer, add it to specialist.whole_answers"


def _tokens(usage: Any) -> tuple[int, int] | None:
    """A total alone counts as prompt; what cannot be a count is none."""
    if not isinstance(usage, dict):
        return None

    def first(*names: str) -> int | None:
        counts = (usage.get(name) for name in names)
        return next((int(count) for count in counts if isinstance(count, int | float) and 0 <= count < MANY), None)

    prompt, answer = first("prompt_tokens", "input_tokens"), first("completion_tokens", "output_tokens")
    if prompt is None and answer is None:
        total = first("total_tokens")
        return None if total is None else (total, 0)
    return prompt or 0, answer or 0


def _string(value: Any) -> str:
    return value if isinstance(value, str) else "" if value is None or isinstance(value, dict | list) else str(value)
