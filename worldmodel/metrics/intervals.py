"""95 % intervals."""

from __future__ import annotations

import math

Z = 1.96


def share_interval(hits: int, count: int) -> tuple[float, float]:
    """Return the ends of Wilson's 95 % interval of hits among count."""
    if count == 0:
        return 0.0, 1.0
    share = hits / count
    middle = (share + Z * Z / (2 * count)) / (1 + Z * Z / count)
    half = Z * math.sqrt(share * (1 - share) / count + Z * Z / (4 * count * count)) / (1 + Z * Z / count)
    return max(0.0, middle - half), min(1.0, middle + half)
