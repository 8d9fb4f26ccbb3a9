"""A shadow that is slower than the primary, by name. Pure."""

from typing import Final

from mesh.words import duration
from shadow.verdict import words
from shadow.verdict.criteria import samples
from shadow.verdict.evidence import Evidence
from shadow.verdict.gauges import Latency

_SLOWER: Final = 1.25
"""Less than this is what hosts, caches and neighbours differ by."""


def slowness(evidence: Evidence, error: float) -> tuple[str, ...]:
    """The median tells of a slow model, and only where it does not, p99 of a slow tail."""
    primary, shadow = samples(evidence)
    for share, told in ((0.5, "median"), (0.99, "p99")):
        gauge = Latency(share, primary, shadow)
        if gauge.above(_SLOWER, error / 2, gauge.pairs):
            times, slow = gauge.observed, shadow.quantile(share)
            assert times is not None
            assert slow is not None
            was = duration((primary.quantile(share) or 0.0) / 1e9)
            now = "a timeout" if slow == float("inf") else duration(slow / 1e9)
            subject = (
                f"{words.ratio(times)} × slower" if share == 0.5 else f"a slow tail, {words.ratio(times)} ×"
            )
            return (f"{subject} ({told}: {now} instead of {was}, {words.plural(gauge.pairs, 'pair')})",)
    return ()
