"""Text quads of the OCR libraries as `Words`: one dtype, inside the image, clockwise."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from shards.geometry import signed_area
from specialists.roles import Words


def as_words(
    quads: Sequence[ArrayLike], scores: Sequence[float], texts: Sequence[str], width: int, height: int
) -> Words:
    """`Words` of n quads [4, 2] px, each clockwise from the text's top left; corners outside the image are moved onto
    its border. Raises ValueError for a quad that runs counter-clockwise: its first corner cannot be told then."""
    corners = np.asarray(quads, dtype=np.float32).reshape(-1, 4, 2)
    for index, quad in enumerate(corners):
        if signed_area(quad) < 0:
            raise ValueError(f"quads[{index}] must run clockwise on screen, got {quad.tolist()}")
    corners = np.clip(corners, 0, np.array([width, height], np.float32))
    return Words(corners.reshape(-1, 8), np.asarray(scores, np.float32), [str(text) for text in texts])
