"""The endpoint describer against a local server that misbehaves on request."""

import base64
import io
import pickle
import time
from pathlib import Path

import pytest
from PIL import Image as Pil

from specialists.description import PromptSettings
from specialists.openai_describer import OpenAiDescriber
from specialists.openai_settings import OpenAiSettings
from specialists.roles import Context, SpecialistError
from tests.specialists.chat_server import ChatServer, Reply
from tests.specialists.describers import DOG, ask, describer, picture, problem


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


def test_the_picture_is_sent_small_and_readable(server: ChatServer) -> None:
    client = describer(server, send_image=True, image_side=64)
    client.describe([picture(320, 240)], [DOG], "more_detailed")
    text, image = server.requests[0]["messages"][0]["content"]
    assert text["text"].startswith("You write")
    data = image["image_url"]["url"].removeprefix("data:image/jpeg;base64,")
    assert Pil.open(io.BytesIO(base64.b64decode(data))).size == (64, 48)


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
