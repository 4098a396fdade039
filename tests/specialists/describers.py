"""A describer at a local server that misbehaves on request."""

import numpy as np
import pytest

from specialists.openai_describer import OpenAiDescriber
from specialists.openai_settings import OpenAiSettings
from specialists.roles import Context, Image, ItemError
from tests.specialists.chat_server import ChatServer

DOG = Context("a dog with a ball", [("a brown dog", (10.4, 30.6, 200.0, 180.0))])


BIRD = Context("a bird in a tree", [])


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
