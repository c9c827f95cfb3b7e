"""How figures are printed."""

import statistics
from collections.abc import Sequence


def quantile(seconds: Sequence[float], share: float) -> float:
    """Return a quantile in milliseconds."""
    ordered = sorted(seconds)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))] * 1000


def resume(seconds: Sequence[float]) -> str:
    """Return p50 and p99 as the tables have them."""
    return (
        f"p50 {statistics.median(seconds) * 1000:6.2f} ms   p99 {quantile(seconds, 0.99):6.2f} ms"
    )


def ratio(ours: Sequence[float], limit: Sequence[float]) -> str:
    """Return how many times the limit ours takes, by the medians."""
    return f"{statistics.median(ours) / statistics.median(limit):.1f}"
