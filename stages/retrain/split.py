"""Which images are never trained on, in any round: decided by the image's content alone."""

import hashlib


def is_held_out(sha256: str, share: float) -> bool:
    """Whether the image with that SHA-256 (hex) is among the `share` in [0, 1] that is held out.

    The same image has the same answer in every round and every corpus, and a larger share holds out the images of a
    smaller one, too."""
    return held_out_order(sha256) < share


def held_out_order(sha256: str) -> float:
    """A number in [0, 1) per image; hashed once more, because the image's hash may have been used to choose it."""
    digest = hashlib.sha256(f"held out {sha256}".encode()).digest()
    return int.from_bytes(digest[:8], "big") / 2**64
