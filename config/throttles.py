"""Rate limits by token bucket, in this process's memory."""

import time
from dataclasses import dataclass

from config.errors import RateLimited


@dataclass(slots=True)
class _Bucket:
    tokens: float
    at: float


class TokenBuckets:
    """One bucket a key: `rate` requests a second on average, as many at once."""

    MOST_KEYS = 10_000

    def __init__(self, *, rate: int) -> None:
        self.rate = rate
        self._buckets: dict[str, _Bucket] = {}

    def take(self, key: str) -> None:
        """Count a request; raise RateLimited with the contract's headers past the rate."""
        now = time.monotonic()
        bucket = self._buckets.get(key)
        if bucket is None:
            if len(self._buckets) >= self.MOST_KEYS:
                self._buckets.clear()
            bucket = self._buckets[key] = _Bucket(float(self.rate), now)
        bucket.tokens = min(self.rate, bucket.tokens + (now - bucket.at) * self.rate)
        bucket.at = now
        if bucket.tokens < 1:
            raise RateLimited(headers=self._headers())
        bucket.tokens -= 1

    def _headers(self) -> dict[str, str]:
        return {
            "Retry-After": "1",
            "RateLimit": '"key";r=0;t=1',
            "RateLimit-Policy": f'"key";q={self.rate};w=1',
        }
