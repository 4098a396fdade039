"""One endpoint, one process: requests with repeats and a deadline, what they cost, and no answer paid for twice.

Comes in: a request of a chat completion. Goes out: a `Description`, or RunStopError. An image is to blame for what is
about its own request or answer (HTTP 400, a refusal, no answer in time). It is not for a key, a model, a credit or a
rate that the endpoint refuses: those end the run. Words of an endpoint are passed on as it said them, without the key.

Time-outs, broken connections, 408, 409, 425, 429, 5xx and answers of another shape are asked for again, after the time
that a Retry-After header names, else after growing pauses: `max_retries` times, a full rate limit until the deadline.
"""

import email.utils
import hashlib
import re
import threading
import time
from collections import OrderedDict
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from specialists.chat_reply import error_of, read_reply
from specialists.description import Description, check_description
from specialists.kept_answers import KeptAnswers
from specialists.openai_settings import OpenAiSettings
from specialists.roles import RunStopError
from specialists.spending import Account, Limits

if TYPE_CHECKING:
    import openai

REMEMBERED = 4096
"""Answers kept in memory per process, failures included: far more than a batch, about 4 MB."""
FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.5, 20.0
LETTERS_PER_TOKEN = 4
"""What an endpoint that does not count is taken to count, for max_total_tokens."""
_AGAIN = {408, 409, 425, 429}
_PLAIN_AFTER = {400, 415, 422, 501}
_ABOUT_STRUCTURE = re.compile(
    r"response_?format|json|schema|structured|grammar|guided|unrecognized|extra[ _](?:inputs|fields|forbidden)"
    r"|(?:unknown|unexpected|unsupported) (?:field|argument|parameter|key)"
    r"|HTTP \d+:\W*(?:bad|invalid|unprocessable)?\W*(?:request|entity|error|content)?\W*\Z",
    re.IGNORECASE,
)
"""What servers say that know no response_format, or nothing at all."""
_NO_CREDIT = re.compile(
    r"insufficient[ _](?:quota|balance|credits?|funds)|credit balance|(?:out of|not enough|no) credits?\b"
    r"|billing_(?:hard_limit|not_active)|payment[ _]required|quota (?:is |has been )?exhausted|account_deactivated",
    re.IGNORECASE,
)
_MODERATED = re.compile(r"moderation|flagged|content[ _](?:policy|filter)|safety", re.IGNORECASE)


@dataclass(frozen=True)
class Request:
    """What is asked: the plain request, and the same one for a structured answer, None if none is wanted. fixed: an
    endpoint that cannot give one is no reason to ask plainly."""

    plain: dict[str, Any]
    structured: dict[str, Any] | None = None
    fixed: bool = False


@dataclass(frozen=True)
class _Again:
    """Why to ask again, and when: None, after a growing pause. counts: against max_retries."""

    problem: str
    pause_s: float | None = None
    counts: bool = True


class ChatSession:
    """Used by many threads. client: one that does not repeat requests itself."""

    def __init__(self, settings: OpenAiSettings, client: "openai.OpenAI", key: str, kept: KeptAnswers) -> None:
        self._settings, self.client, self._key, self._kept = settings, client, key, kept
        limits = Limits(settings.max_requests, settings.max_total_tokens)
        self._account = Account(Path(settings.account) if settings.account else None, limits)
        self._lock = threading.Lock()
        self._stopped = ""
        self._structures: bool | None = None  # whether the endpoint does, once it is known
        self._answers: OrderedDict[bytes, Description] = OrderedDict()

    def ask(self, request: Request) -> Description:
        """The answer to one request: the known one, if it was answered before. Raises RunStopError."""
        about = msgspec.json.encode([self._settings.base_url, request.structured or request.plain])
        key = hashlib.sha256(about).digest()
        with self._lock:
            known = self._answers.get(key)
        if known is None and (text := self._kept.get(key)) is not None:
            known = check_description(text, self._settings.prompts)
        answer = known or self._insist(request, key)
        self._remember(key, answer)
        return answer

    def close(self) -> None:
        """Closes the connections."""
        self.client.close()
        self._kept.close()

    def _insist(self, request: Request, key: bytes) -> Description:
        of = self._settings
        deadline = time.monotonic() + of.timeout_s
        failed = asked = 0
        while True:
            asked += 1
            outcome = self._once(request, key, max(0.05, deadline - time.monotonic()))
            if isinstance(outcome, Description):
                return outcome
            failed += outcome.counts
            pause = (
                min(LONGEST_PAUSE_S, FIRST_PAUSE_S * 2 ** (asked - 1)) if outcome.pause_s is None else outcome.pause_s
            )
            late = time.monotonic() + pause >= deadline
            if failed > of.max_retries or late:
                why = f"{outcome.problem} ({asked} times)" if asked > 1 else outcome.problem
                if not outcome.counts:
                    raise self._stop(f"{why}: raise specialist.timeout_s, or lower concurrency")
                return Description("", why)
            time.sleep(pause)

    def _once(self, request: Request, key: bytes, timeout_s: float) -> Description | _Again:
        """One request, or two where the endpoint turns out not to structure answers."""
        import openai

        refusal: openai.APIStatusError | None = None
        structured = request.structured is not None and (request.fixed or self._structures is not False)
        sent = request.structured if structured and request.structured is not None else request.plain
        self._spend_request()
        try:
            response = self.client.chat.completions.with_raw_response.create(**sent, timeout=timeout_s)
            body = msgspec.json.decode(response.http_response.content)
        except openai.APIStatusError as error:
            refusal = error  # judged below: what is raised there must not bring along words that hold the key
        except openai.APIConnectionError as error:  # and APITimeoutError
            return _Again(f"no answer from {self._settings.base_url}: {self._words(str(error))}")
        except (openai.OpenAIError, msgspec.DecodeError, UnicodeDecodeError):
            return _Again("malformed answer")
        if refusal is None:
            return self._read(body, sent, key, structured)
        outcome = self._refused(refusal)
        unsure = structured and not request.fixed and self._structures is None
        if unsure and refusal.status_code in _PLAIN_AFTER and _ABOUT_STRUCTURE.search(outcome.problem):
            return self._plainly(request, key, timeout_s)
        return outcome

    def _plainly(self, request: Request, key: bytes, timeout_s: float) -> Description | _Again:
        """The same without a structure, and what follows from its success for all further requests."""
        plain = self._once(Request(request.plain), key, timeout_s)
        if isinstance(plain, Description) and plain.text:
            self._structures = False
        return plain

    def _read(self, body: Any, sent: dict[str, Any], key: bytes, structured: bool) -> Description | _Again:
        of = self._settings
        reply = read_reply(body, f"specialist.max_tokens (now {of.max_tokens})", of.whole_answers)
        if reply is None:
            words, _ = error_of(body) if isinstance(body, dict) and "error" in body else ("", "")
            return _Again(f"the endpoint says: {self._words(words)}" if words else "malformed answer")
        self._structures = self._structures or structured
        letters = len(str(sent["messages"][0]["content"])), len(reply.text)
        self._account.pay(*(reply.tokens or (count // LETTERS_PER_TOKEN for count in letters)))
        if reply.problem:
            return Description("", self._words(reply.problem))
        answer = check_description(reply.text, of.prompts)
        if answer.text:
            self._kept.put(key, reply.text)
        return answer

    def _refused(self, error: "openai.APIStatusError") -> Description | _Again:
        of, status = self._settings, error.status_code
        try:
            words, code = error_of(msgspec.json.decode(error.response.content))
        except (msgspec.DecodeError, UnicodeDecodeError):
            words, code = error.response.text[:300], ""
        told = f"HTTP {status}: {self._words(words or code)}"
        if status == 402 or (status < 500 and _NO_CREDIT.search(f"{code} {words}")):
            raise self._stop(f"{of.base_url} has no credit left for us: {told}")
        if status == 403 and _MODERATED.search(f"{code} {words}"):
            return Description("", f"refused: {told}")
        if status in (401, 403, 404):
            raise self._stop(f"{of.base_url} refuses model {of.model!r} or the key: {told}")
        if status not in _AGAIN and status < 500:
            return Description("", told)
        pause = retry_after(error.response.headers.get("retry-after"))
        if pause is not None and pause > of.max_pause_s:
            raise self._stop(f"asked to wait {pause:,.0f} s, max_pause_s is {of.max_pause_s:g}: {told}")
        return _Again(told, pause, counts=status != 429)

    def _stop(self, why: str) -> RunStopError:
        """The error that ends the run; requests that are still to be made meet it, too."""
        self._stopped = self._stopped or f"openai: {why}"
        return RunStopError(self._stopped)

    def _spend_request(self) -> None:
        if self._stopped:
            raise RunStopError(self._stopped)
        try:
            self._account.book()
        except RunStopError as error:
            self._stopped = str(error)
            raise

    def _remember(self, key: bytes, answer: Description) -> None:
        with self._lock:
            self._answers[key] = answer
            while len(self._answers) > REMEMBERED:
                self._answers.popitem(last=False)

    def _words(self, text: str) -> str:
        """One line, without the key: some servers repeat it."""
        return " ".join((text.replace(self._key, "***") if self._key else text).split())[:300]


def retry_after(value: str | None) -> float | None:
    """Seconds that a Retry-After header names, as a number or a date; None for none, or one that says nothing."""
    if value is None:
        return None
    if re.fullmatch(r"\s*[0-9]+(\.[0-9]*)?\s*", value):
        return float(value)
    try:
        at = email.utils.parsedate_to_datetime(value)
        return max(0.0, at.timestamp() - time.time())
    except (TypeError, ValueError, OverflowError):
        return None
