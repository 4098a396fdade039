"""Specialists run on small tensors here: a second torch thread only waits for the first. A server to describe with."""

import os
from collections.abc import Iterator

import pytest

from tests.specialists.chat_server import ChatServer, chat_server

os.environ.setdefault("OMP_NUM_THREADS", "1")


@pytest.fixture
def server() -> Iterator[ChatServer]:
    with chat_server() as state:
        yield state
        for client in state.clients:
            client.close()
