"""The 95% interval of a share: Wilson's (1927), which holds for few cases and for shares near 0 and 1.

wilson(9, 10)    (0.596, 0.982)
"""

from math import sqrt

_Z = 1.959964
_DECIMALS = 4


def wilson(right: float, count: int) -> tuple[float, float]:
    """Low and high end of the share right / count; (0, 1) for none."""
    if count == 0:
        return 0.0, 1.0
    share, spread = right / count, _Z * _Z / count
    middle = (share + spread / 2) / (1 + spread)
    half = _Z * sqrt(share * (1 - share) / count + spread / (4 * count)) / (1 + spread)
    return round(max(middle - half, 0.0), _DECIMALS), round(min(middle + half, 1.0), _DECIMALS)
