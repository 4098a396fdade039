"""What an endpoint is asked for, and paid for, only once; what ends a run; budgets, keys and rate limits."""

import json
import re
import traceback
from pathlib import Path

import pytest

from engine.config.config_text import ConfigError, validate
from shards.errors import FldError
from specialists.openai_settings import OpenAiSettings
from specialists.roles import Context, MissingRequirementError, RunStopError
from tests.specialists.chat_server import ChatServer, Reply
from tests.specialists.describers import BIRD, DOG, ask, describer, problem


def test_the_other_answers_of_a_failed_batch_are_not_paid_for_twice(server: ChatServer) -> None:
    server.by_text = {"a bird": Reply("", finish="content_filter")}
    client = describer(server, concurrency=1)
    assert problem(client, DOG, BIRD)[0] == 1
    assert ask(client, DOG) == ["A brown dog runs after a ball on the grass."]  # as the engine does next
    assert len(server.requests) == 2


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
    "usage",
    [
        {"prompt_tokens": 20, "completion_tokens": 10},
        {"input_tokens": 30},
        {"total_tokens": None},
        None,
        [],
        {"prompt_tokens": -5},
        {"prompt_tokens": 1e300},
    ],
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


def test_the_key_comes_from_the_environment(server: ChatServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MY_KEY", "secret")
    ask(describer(server, api_key_env="MY_KEY"), DOG)
    assert server.keys == ["Bearer secret"]
    monkeypatch.delenv("MY_KEY")
    with pytest.raises(MissingRequirementError, match="environment variable MY_KEY holds no key"):
        describer(server, api_key_env="MY_KEY")
