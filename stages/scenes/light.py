"""The light that a scene is seen in: by day, as all shipped checkpoints know it, or at dusk, as none of them does.

dusk(image, seed, index)    the picture, darker, bluer, softer and noisier; nothing of its gold changes
"""

import cv2
import numpy as np
from numpy.typing import NDArray

from stages.scenes.settings import VERSION

LIGHT = np.array([0.50, 0.55, 0.70])
"""What is left of red, green and blue. Of 160 scenes, florence2-nano's brief texts fell from a CIDEr-D of 3.9 to 1.5,
the F1 of yolo-nano's objects from 0.73 to 0.65; with less light (0.30, 0.34, 0.50) to 0.5 and 0.55."""
HAZE = 8.0
BLUR = 1.0
"""Standard deviation of the blur in pixels."""
NOISE = 6.0
"""Standard deviation of every value, of 255."""


def dusk(image: NDArray[np.uint8], seed: int, index: int) -> NDArray[np.uint8]:
    """The picture number `index` of `seed` at dusk, uint8 RGB [h, w, 3]; equal arguments give equal bytes."""
    soft = cv2.GaussianBlur(image, (0, 0), BLUR).astype(np.float64)
    grain = np.random.default_rng([VERSION, seed, index, 4]).normal(0.0, NOISE, soft.shape)
    shown: NDArray[np.float64] = np.clip(soft * LIGHT + HAZE + grain, 0, 255)
    return np.round(shown).astype(np.uint8)
