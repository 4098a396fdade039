"""Every shape in which endpoints answer: structured, in parts, with thoughts, refused, cut off, malformed."""

import json
import re

import pytest

from specialists.roles import Context, ItemError
from tests.specialists.chat_server import ChatServer, Reply
from tests.specialists.describers import BIRD, DOG, ask, describer, problem


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


@pytest.mark.parametrize(
    "body", [b"{not json", b"", b"[]", b'"text"', b'{"choices": []}', b'{"choices": null}', b"<html>"]
)
def test_a_malformed_answer_is_asked_for_again_and_then_a_failure(server: ChatServer, body: bytes) -> None:
    server.script = [Reply(body), Reply("A dog runs.")]
    assert ask(describer(server), DOG) == ["A dog runs."]
    server.script = [Reply(body)]
    assert problem(describer(server, max_retries=1), BIRD)[1] == "malformed answer (2 times)"


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
        {"content": {"type": "text", "text": "A dog runs."}},
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
