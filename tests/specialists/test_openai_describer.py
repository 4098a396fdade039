"""The endpoint describer against a local server that misbehaves on request."""

import base64
import io
import pickle
import re
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Pil

from specialists.description import PromptSettings
from specialists.openai_describer import OpenAiDescriber, OpenAiSettings
from specialists.roles import Context, Image, ItemError, MissingRequirementError, SpecialistError
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
        (Reply("A brown dog and", finish="length"), "cut off at 1024 tokens"),
        (Reply("", finish="content_filter"), "refused: content filter"),
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
    assert problem(describer(server, max_retries=1))[1] == "malformed answer, 2 times"


@pytest.mark.parametrize("status", [401, 403, 404])
def test_a_refused_key_or_model_is_no_image_s_fault(server: ChatServer, status: int) -> None:
    server.script = [Reply("no", status=status)]
    with pytest.raises(SpecialistError, match="refuses model 'm'") as caught:
        ask(describer(server), DOG)
    assert not isinstance(caught.value, ItemError)


def test_budgets_stop_new_requests(server: ChatServer) -> None:
    with pytest.raises(SpecialistError, match="budget spent, max_requests is 2"):
        ask(describer(server, max_requests=2, concurrency=1), DOG, BIRD, Context("a cat"))
    assert len(server.requests) == 2
    thrifty = describer(server, max_total_tokens=50, concurrency=1)
    ask(thrifty, DOG, BIRD)
    with pytest.raises(SpecialistError, match="max_total_tokens is 50"):
        ask(thrifty, Context("a cat"))


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
