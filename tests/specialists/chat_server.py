"""A local HTTP server that speaks the chat-completions protocol and misbehaves on request.

Each request takes the next of the scripted replies (the last one is repeated); what came in is kept in `requests`.
"""

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass
class Reply:
    """A status and a body, after `wait_s`. body: an answer's text, or the raw bytes to send."""

    body: str | bytes = "A brown dog runs after a ball on the grass."
    status: int = 200
    finish: str = "stop"
    refusal: str | None = None
    headers: dict[str, str] = field(default_factory=dict)
    wait_s: float = 0.0
    tokens: int = 30

    def payload(self) -> bytes:
        if isinstance(self.body, bytes):
            return self.body
        if self.status != 200:
            return json.dumps({"error": {"message": self.body, "type": "test"}}).encode()
        message = {"role": "assistant", "content": self.body, "refusal": self.refusal}
        choice = {"index": 0, "message": message, "finish_reason": self.finish}
        usage = {"prompt_tokens": self.tokens - 1, "completion_tokens": 1, "total_tokens": self.tokens}
        answer = {"id": "1", "object": "chat.completion", "created": 0, "model": "m", "choices": [choice]}
        return json.dumps(answer | {"usage": usage}).encode()


class ChatServer:
    """What a test scripts and reads. `by_text`: a part of the prompt -> its own reply, before the script.
    `answers`: makes the reply to a request, before both."""

    def __init__(self) -> None:
        self.script: list[Reply] = [Reply()]
        self.by_text: dict[str, Reply] = {}
        self.answers: Callable[[dict[str, Any]], Reply] | None = None
        self.requests: list[dict[str, Any]] = []
        self.keys: list[str | None] = []
        self.clients: list[Any] = []  # what a test opened, and its fixture closes
        self.most_at_once = 0
        self.url = ""
        self._now = 0
        self._lock = threading.Lock()

    def reply(self, request: dict[str, Any], key: str | None) -> Reply:
        prompt = json.dumps(request["messages"])
        with self._lock:
            self.requests.append(request)
            self.keys.append(key)
            self._now += 1
            self.most_at_once = max(self.most_at_once, self._now)
            if self.answers is not None:
                return self.answers(request)
            for part, reply in self.by_text.items():
                if part in prompt:
                    return reply
            return self.script.pop(0) if len(self.script) > 1 else self.script[0]

    def done(self) -> None:
        with self._lock:
            self._now -= 1


@contextmanager
def chat_server(port: int = 0) -> Iterator[ChatServer]:
    """A server on loopback for the time of a `with` block. port: 0 takes any that is free."""
    state = ChatServer()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            reply = state.reply(request, self.headers.get("Authorization"))
            time.sleep(reply.wait_s)
            payload = reply.payload()
            try:
                self.send_response(reply.status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(payload)))
                for name, value in reply.headers.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(payload)
            except ConnectionError:
                return  # a client that did not wait: what a time-out looks like from here
            finally:
                state.done()

        def log_message(self, format: str, *args: object) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
    server.daemon_threads = True
    state.url = f"http://127.0.0.1:{server.server_port}/v1"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield state
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
