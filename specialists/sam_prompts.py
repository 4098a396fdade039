"""What both SAM backends share about their input: prompt boxes are checked before any model runs."""

import numpy as np

from specialists.roles import Boxes


def check_boxes(boxes: list[Boxes], images: int) -> None:
    """Raise ValueError unless there is one finite float32 [n, 4] per image."""
    if len(boxes) != images:
        raise ValueError(f"boxes must have one array per image ({images}), got {len(boxes)}")
    for index, array in enumerate(boxes):
        if array.dtype != np.float32 or array.ndim != 2 or array.shape[1] != 4:
            raise ValueError(f"boxes[{index}] must be float32 [n, 4], got {array.dtype} {list(array.shape)}")
        if not np.isfinite(array).all():
            raise ValueError(f"boxes[{index}] must be finite pixels, got {array[~np.isfinite(array).all(axis=1)][0]}")
