"""The endpoint describer against a local server that misbehaves on request."""

import base64
import email.utils
import io
import json
import pickle
import re
import time
import traceback
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Pil

from engine.config.config_text import ConfigError, validate
from shards.errors import FldError
from specialists.chat_session import retry_after
from specialists.description import PromptSettings
from specialists.kept_answers import KeptAnswers
from specialists.openai_describer import OpenAiDescriber
from specialists.openai_settings import OpenAiSettings
from specialists.roles import Context, Image, ItemError, MissingRequirementError, RunStopError, SpecialistError
from tests.specialists.chat_server import ChatServer, Reply, chat_server

DOG = Context("a dog with a ball", [("a brown dog", (10.4, 30.6, 200.0, 180.0))])
BIRD = Context("a bird in a tree", [])


@pytest.fixture
def server() -> Iterator[ChatServer]:
    with chat_server() as state:
        yield state
        for client in state.clients:
            client.close()


def describer(server: ChatServer, **settings: object) -> OpenAiDescriber:
    values = {
        "model": "m",
        "base_url": server.url,
        "api_key_env": None,
        "max_retries": 2,
        "timeout_s": 20.0,
        **settings,
    }
    out = OpenAiDescriber(OpenAiSettings.model_validate(values))
    out.load()
    server.clients.append(out)
    return out


def picture(width: int = 320, height: int = 240) -> Image:
    return np.zeros((height, width, 3), np.uint8)


def ask(describer: OpenAiDescriber, *contexts: Context) -> list[str]:
    answers = describer.describe([picture() for _ in contexts], list(contexts), "detailed")
    assert all(answer.score is None for answer in answers)
    return [answer.text for answer in answers]


def problem(describer: OpenAiDescriber, *contexts: Context) -> tuple[int, str]:
    with pytest.raises(ItemError) as caught:
        ask(describer, *(contexts or (DOG,)))
    return caught.value.index, caught.value.reason


def test_an_answer_comes_back_and_the_prompt_holds_what_is_known(server: ChatServer) -> None:
    assert ask(describer(server), DOG) == ["A brown dog runs after a ball on the grass."]
    [request] = server.requests
    [message] = request["messages"]
    assert "Caption: a dog with a ball\n" in message["content"]
    assert "- a brown dog (10, 31, 200, 180)\n" in message["content"]
    assert "320 x 240" in message["content"]
    assert {name: request[name] for name in ("model", "max_tokens", "temperature", "seed")} == {
        "model": "m",
        "max_tokens": 1024,
        "temperature": 0.0,
        "seed": 0,
    }


def test_order_is_kept_and_requests_run_side_by_side(server: ChatServer) -> None:
    names = [f"number {index}." for index in range(8)]
    server.by_text = {name: Reply(f"I see {name}", wait_s=0.3 - 0.03 * index) for index, name in enumerate(names)}
    assert ask(describer(server, concurrency=4), *(Context(name) for name in names)) == [f"I see {n}" for n in names]
    assert server.most_at_once == 4


def test_an_empty_batch_asks_nothing(server: ChatServer) -> None:
    assert ask(describer(server)) == []
    assert server.requests == []


@pytest.mark.parametrize(
    ("reply", "reason"),
    [
        (Reply("A brown dog and", finish="length"), r"cut off: raise specialist.max_tokens \(now 1024\)"),
        (Reply("", finish="content_filter"), r"refused: the endpoint's filter \(content_filter\)"),
        (Reply("", finish="SAFETY"), "refused: the endpoint's filter"),
        (Reply("<think>hm", finish="stop"), "thought, and wrote no answer"),
        (Reply("A dog", finish="insufficient_system_resource"), "not finished: the endpoint says 'insufficient"),
        (Reply("", refusal="I will not."), "refused: I will not."),
        (Reply("I'm sorry, but I can't help with that."), "refused: I'm sorry"),
        (Reply("I’m unable to see it."), "refused: I’m unable"),
        (Reply("As an AI, I cannot see."), "refused: As an AI"),
        (Reply("   "), "empty answer"),
        (Reply('""'), "empty answer"),
        (Reply("too long", status=400), "HTTP 400: .*too long"),
    ],
)
def test_unacceptable_answers_name_image_and_reason(server: ChatServer, reply: Reply, reason: str) -> None:
    server.by_text = {"a bird": reply}
    index, got = problem(describer(server), DOG, BIRD, DOG)
    assert index == 1
    assert re.match(reason, got)


def test_the_other_answers_of_a_failed_batch_are_not_paid_for_twice(server: ChatServer) -> None:
    server.by_text = {"a bird": Reply("", finish="content_filter")}
    client = describer(server, concurrency=1)
    assert problem(client, DOG, BIRD)[0] == 1
    assert ask(client, DOG) == ["A brown dog runs after a ball on the grass."]  # as the engine does next
    assert len(server.requests) == 2


@pytest.mark.parametrize("status", [429, 500, 503])
def test_the_client_repeats_what_may_pass(server: ChatServer, status: int) -> None:
    server.script = [Reply("busy", status=status, headers={"Retry-After": "0.1"}), Reply("A dog runs.")]
    assert ask(describer(server), DOG) == ["A dog runs."]
    assert len(server.requests) == 2


def test_the_pause_that_the_server_asks_for_is_kept(server: ChatServer) -> None:
    server.script = [Reply("busy", status=429, headers={"Retry-After": "1"}), Reply("A dog runs.")]
    started = time.monotonic()
    ask(describer(server), DOG)
    assert time.monotonic() - started >= 1.0


def test_what_does_not_pass_is_a_failure_with_its_status(server: ChatServer) -> None:
    server.script = [Reply("down", status=503, headers={"Retry-After": "0.05"})]
    assert problem(describer(server))[1].startswith("HTTP 503")
    assert len(server.requests) == 3


def test_an_answer_that_takes_too_long_is_a_failure(server: ChatServer) -> None:
    server.script = [Reply(wait_s=2.0)]
    assert problem(describer(server, timeout_s=0.2, max_retries=0))[1].startswith("no answer from http://127.0.0.1")


@pytest.mark.parametrize(
    "body", [b"{not json", b"", b"[]", b'"text"', b'{"choices": []}', b'{"choices": null}', b"<html>"]
)
def test_a_malformed_answer_is_asked_for_again_and_then_a_failure(server: ChatServer, body: bytes) -> None:
    server.script = [Reply(body), Reply("A dog runs.")]
    assert ask(describer(server), DOG) == ["A dog runs."]
    server.script = [Reply(body)]
    assert problem(describer(server, max_retries=1), BIRD)[1] == "malformed answer (2 times)"


@pytest.mark.parametrize("status", [401, 403, 404])
def test_a_refused_key_or_model_ends_the_run(server: ChatServer, status: int) -> None:
    server.script = [Reply("there is no model called m", status=status)]
    client = describer(server, concurrency=1)
    with pytest.raises(RunStopError, match=rf"refuses model 'm' or the key: HTTP {status}: there is no model called m"):
        ask(client, DOG, BIRD)
    with pytest.raises(RunStopError):
        ask(client, BIRD)
    assert len(server.requests) == 1


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (402, {"message": "Insufficient Balance", "type": "unknown_error"}),
        (429, {"message": "You exceeded your current quota", "code": "insufficient_quota"}),
        (429, {"message": "quota exhausted"}),
        (400, {"message": "Your credit balance is too low to access the API", "type": "invalid_request_error"}),
        (402, "Payment required"),
    ],
)
def test_without_credit_the_run_ends_and_no_image_is_to_blame(server: ChatServer, status: int, error: object) -> None:
    server.script = [Reply(json.dumps({"error": error}).encode(), status=status)]
    words = error if isinstance(error, str) else "(?i)" + str(error["message"])  # type: ignore[index]
    with pytest.raises(RunStopError, match="has no credit left for us: HTTP") as caught:
        ask(describer(server, concurrency=1), DOG, BIRD)
    assert re.search(words, str(caught.value))
    assert len(server.requests) == 1


def test_budgets_stop_new_requests(server: ChatServer) -> None:
    with pytest.raises(RunStopError, match="budget spent, max_requests is 2"):
        ask(describer(server, max_requests=2, concurrency=1), DOG, BIRD, Context("a cat"))
    assert len(server.requests) == 2
    thrifty = describer(server, max_total_tokens=50, concurrency=1, seed=1)
    ask(thrifty, DOG, BIRD)
    with pytest.raises(RunStopError, match="max_total_tokens is 50"):
        ask(thrifty, Context("a cat"))


@pytest.mark.parametrize(
    "usage", [{"prompt_tokens": 20, "completion_tokens": 10}, {"input_tokens": 30}, {"total_tokens": None}, None, []]
)
def test_a_budget_holds_where_the_endpoint_counts_otherwise_or_not_at_all(server: ChatServer, usage: object) -> None:
    choice = {"message": {"content": "A brown dog runs."}, "finish_reason": "stop"}
    server.script = [Reply(json.dumps({"choices": [choice], "usage": usage}).encode())]
    client = describer(server, max_total_tokens=30, concurrency=1)
    ask(client, DOG)
    with pytest.raises(RunStopError, match="max_total_tokens is 30"):
        ask(client, BIRD)


def test_failures_are_not_paid_for_again_because_a_neighbour_failed(server: ChatServer) -> None:
    """As the engine does: the batch again without the image that failed."""
    server.script = [Reply("bad picture", status=400)]
    client = describer(server)
    contexts = [Context(f"number {index}") for index in range(8)]
    while contexts:
        index, reason = problem(client, *contexts)
        assert reason == "HTTP 400: bad picture"
        del contexts[index]
    assert len(server.requests) == 8


def test_answers_outlive_the_process_in_their_corpus(server: ChatServer, tmp_path: Path) -> None:
    account = str(tmp_path / "costs" / "describer.json")
    server.by_text = {"a bird": Reply("I'm sorry, but I can't help with that.")}
    assert problem(describer(server, account=account), DOG, BIRD)[0] == 1
    again = describer(server, account=account)
    assert ask(again, DOG) == ["A brown dog runs after a ball on the grass."]
    assert len(server.requests) == 2
    problem(again, BIRD)
    assert len(server.requests) == 3, "what failed is asked again by a new process"
    assert ask(describer(server, account=account, seed=2), DOG)
    assert len(server.requests) == 4, "another question is asked"
    assert ask(describer(server, account=str(tmp_path / "other" / "describer.json")), DOG)
    assert len(server.requests) == 5, "another corpus asks for itself"
    assert ask(describer(server), DOG)
    assert len(server.requests) == 6, "without an account nothing is kept"


def test_a_long_rate_limit_ends_the_run(server: ChatServer) -> None:
    server.script = [Reply("slow down", status=429, headers={"Retry-After": "3600"})]
    with pytest.raises(RunStopError, match=r"asked to wait 3,600 s, max_pause_s is 60: HTTP 429: slow down"):
        ask(describer(server), DOG)
    assert len(server.requests) == 1
    server.script = [Reply("slow down", status=429, headers={"Retry-After": "²"})]
    with pytest.raises(RunStopError, match=r"HTTP 429: slow down \(\d times\): raise specialist.timeout_s, or lower"):
        ask(describer(server, timeout_s=1.2), DOG)


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b'{"error": {"message": "too many pixels", "code": 7}}', "too many pixels"),
        (b'{"error": "model requires more memory"}', "model requires more memory"),
        (b'{"detail": [{"loc": ["body"], "msg": "field required"}]}', "field required"),
        (b'{"object": "error", "message": "context is 4096 tokens"}', "context is 4096 tokens"),
        (b'{"error": {"message": "Provider returned error", "metadata": {"raw": "no vision"}}}', "error: no vision"),
        (b"<html>Bad Request</html>", "<html>Bad Request</html>"),
    ],
)
def test_errors_carry_the_endpoints_own_words(server: ChatServer, body: bytes, words: str) -> None:
    server.script = [Reply(body, status=400)]
    reason = problem(describer(server))[1]
    assert reason.startswith("HTTP 400: ")
    assert reason.endswith(words)


def test_a_key_that_the_server_repeats_is_not_passed_on(server: ChatServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MY_KEY", "sk-very-secret")
    for reply in (
        Reply("Incorrect API key provided: sk-very-secret", status=401),
        Reply("bad request with sk-very-secret", status=400),
        Reply("", refusal="not for sk-very-secret"),
        Reply(b'{"error": {"message": "sk-very-secret is overloaded"}}'),
    ):
        server.script = [reply]
        with pytest.raises(FldError) as caught:
            ask(describer(server, api_key_env="MY_KEY", max_retries=0), DOG)
        told = "".join(traceback.format_exception(caught.value))
        assert "sk-very-secret" not in told
        assert "***" in told


def test_keys_do_not_get_into_settings() -> None:
    for wrong in ({"api_key_env": "sk-proj-1234"}, {"api_key_env": "hf_abcdef"}):
        with pytest.raises(ConfigError, match="api_key_env must be the name of an environment variable") as caught:
            validate(OpenAiSettings, {"model": "m", **wrong}, "mine.yaml")
        assert wrong["api_key_env"] not in str(caught.value)
    for url in ("https://me:pass@host/v1", "https://host/v1?api_key=1234", "ftp://host", "host/v1"):
        with pytest.raises(ConfigError, match="base_url must be http:// or https://, a host and a path") as caught:
            validate(OpenAiSettings, {"model": "m", "base_url": url}, "mine.yaml")
        assert url not in str(caught.value)
    assert OpenAiSettings(model="m", base_url="http://[::1]:8000/v1/", api_key_env="MY_KEY_2")


@pytest.mark.parametrize(
    "words",
    [
        "response_format is not supported",
        "Invalid value: 'json_schema'",
        "Unrecognized request argument supplied: response_format",
        "Extra inputs are not permitted",
        "Bad Request",
    ],
)
def test_words_by_which_servers_say_that_they_structure_nothing(server: ChatServer, words: str) -> None:
    server.by_text = {"JSON object": Reply(words, status=400)}
    assert ask(describer(server), DOG)
    assert len(server.requests) == 2


def test_a_structured_answer_is_asked_for_and_read(server: ChatServer) -> None:
    server.script = [Reply(json.dumps({"description": "A dog runs.", "refusal": ""}))]
    assert ask(describer(server), DOG) == ["A dog runs."]
    [request] = server.requests
    assert request["response_format"]["type"] == "json_schema"
    assert "JSON object" in request["messages"][0]["content"]
    server.script = [Reply(json.dumps({"description": "", "refusal": "It shows a person."}))]
    assert problem(describer(server), BIRD) == (0, "refused: It shows a person.")


def test_an_endpoint_that_cannot_structure_is_asked_plainly_from_then_on(server: ChatServer) -> None:
    server.by_text = {"JSON object": Reply("response_format is not supported", status=400)}
    client = describer(server, concurrency=1)
    assert len(ask(client, DOG, BIRD)) == 2
    assert ["response_format" in request for request in server.requests] == [True, False, False]
    with pytest.raises(ItemError, match="HTTP 400: response_format is not supported"):
        ask(describer(server, structured="always"), Context("a cat"))
    server.requests.clear()
    ask(describer(server, structured="never"), Context("a cow"))
    assert ["response_format" in request for request in server.requests] == [False]


@pytest.mark.parametrize(
    "message",
    [
        {"content": [{"type": "text", "text": "A dog "}, {"type": "text", "text": "runs."}]},
        {"content": [{"type": "thinking", "thinking": [{"type": "text", "text": "hm"}]}, {"text": "A dog runs."}]},
        {"content": ["A dog runs."]},
        {"content": "A dog runs.", "reasoning_content": "The user wants <b>"},
        {"content": "A dog runs.", "reasoning": "hm", "refusal": None},
    ],
)
@pytest.mark.parametrize("finish", ["stop", "STOP", "end_turn", "eos_token", "FinishReason.STOP", None, "COMPLETE"])
def test_every_shape_of_an_answer_is_read(server: ChatServer, message: dict[str, object], finish: str | None) -> None:
    server.script = [Reply(json.dumps({"choices": [{"message": message, "finish_reason": finish}]}).encode())]
    assert ask(describer(server), DOG) == ["A dog runs."]


def test_thinking_without_an_answer_names_the_limit(server: ChatServer) -> None:
    message = {"content": None, "reasoning_content": "The user wants"}
    server.script = [Reply(json.dumps({"choices": [{"message": message, "finish_reason": "stop"}]}).encode())]
    assert problem(describer(server))[1] == "thought, and wrote no answer: raise specialist.max_tokens (now 1024)"


def test_a_finish_reason_that_only_this_endpoint_uses(server: ChatServer) -> None:
    server.script = [Reply("A dog runs.", finish="weiter")]
    assert "add it to specialist.whole_answers" in problem(describer(server))[1]
    assert ask(describer(server, whole_answers=["weiter"]), BIRD) == ["A dog runs."]


@pytest.mark.parametrize(
    ("value", "pause"),
    [("3", 3.0), ("1.5", 1.5), ("²", None), ("soon", None), ("-5", None), (None, None), ("9" * 30, None)],
)
def test_a_pause_is_read_as_seconds(value: str | None, pause: float | None) -> None:
    assert retry_after(value) == pause


def test_a_pause_is_read_as_a_date() -> None:
    at = email.utils.formatdate(time.time() + 60, usegmt=True)
    pause = retry_after(at)
    assert pause is not None
    assert 50 < pause <= 60
    assert retry_after("Wed, 21 Oct 2015 07:28:00 GMT") == 0.0


def test_a_store_that_cannot_be_written_only_costs_asking_again(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")
    kept = KeptAnswers(tmp_path / "file" / "answers.sqlite")
    kept.put(b"1", "one")
    assert kept.get(b"1") is None
    (tmp_path / "damaged.sqlite").write_bytes(b"no database" * 100)
    kept = KeptAnswers(tmp_path / "damaged.sqlite")
    kept.put(b"1", "one")
    assert kept.get(b"1") is None
    kept = KeptAnswers(tmp_path / "good" / "answers.sqlite")
    kept.put(b"1", "one")
    assert kept.get(b"1") == "one"
    kept.close()


def test_the_picture_is_sent_small_and_readable(server: ChatServer) -> None:
    client = describer(server, send_image=True, image_side=64)
    client.describe([picture(320, 240)], [DOG], "more_detailed")
    text, image = server.requests[0]["messages"][0]["content"]
    assert text["text"].startswith("You write")
    data = image["image_url"]["url"].removeprefix("data:image/jpeg;base64,")
    assert Pil.open(io.BytesIO(base64.b64decode(data))).size == (64, 48)


def test_the_key_comes_from_the_environment(server: ChatServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MY_KEY", "secret")
    ask(describer(server, api_key_env="MY_KEY"), DOG)
    assert server.keys == ["Bearer secret"]
    monkeypatch.delenv("MY_KEY")
    with pytest.raises(MissingRequirementError, match="environment variable MY_KEY holds no key"):
        describer(server, api_key_env="MY_KEY")


def test_before_load_it_is_picklable_and_has_a_fingerprint_without_key_or_network(tmp_path: Path) -> None:
    settings = OpenAiSettings(model="m", api_key_env="NOT_SET")
    describer = pickle.loads(pickle.dumps(OpenAiDescriber(settings)))
    facts = describer.fingerprint()
    assert (facts["backend"], facts["model"]) == ("openai", "m")
    same = OpenAiDescriber(OpenAiSettings(model="m", concurrency=1, max_requests=3, api_key_env=None))
    assert same.fingerprint() == facts
    template = tmp_path / "mine.txt"
    template.write_text("Describe. $brief")
    other = OpenAiDescriber(OpenAiSettings(model="m", prompts=PromptSettings(detailed=str(template))))
    assert other.fingerprint() != facts
    with pytest.raises(SpecialistError, match=r"openai: call load\(\) first"):
        describer.describe([picture()], [DOG], "detailed")
