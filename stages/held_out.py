"""Which images are never trained on, in any round: decided by the hash of the image's bytes alone."""

_DIGITS = 13  # 52 bits: exact in a float


def is_held_out(sha256: str, share: float) -> bool:
    """Whether the image with that SHA-256 (hex) is among the `share` in [0, 1] that is held out.

    The same image has the same answer in every round and every corpus, and a larger share holds out the images of a
    smaller one, too. Raises ValueError for what is no share and no hash."""
    if not 0 <= share <= 1:
        raise ValueError(f"held-out share must be in [0, 1], got {share}")
    return held_out_order(sha256) < share


def held_out_order(sha256: str) -> float:
    """The hash as a number in [0, 1): images in this order, the first are held out."""
    try:
        return int(sha256[:_DIGITS], 16) / 16.0**_DIGITS
    except ValueError as error:
        raise ValueError(f"sha256 must be hex digits, got {sha256!r}") from error
