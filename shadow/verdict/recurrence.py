"""Whether what happens in some pairs happens to the same keys again. Pure.

Keys are known by their buckets (10 000 of them, so a bucket may hold several). After the first such pair of a
bucket, its later pairs tell: all of them, or no more than of any bucket. A description, by a plain binomial test:
it is looked at only when something has been found.
"""

from typing import Final

import numpy as np
from scipy.stats import binom

from shadow.pair import NO_BUCKET
from shadow.verdict import words
from shadow.verdict.evidence import Flags, Integers

_DOUBT: Final = 0.05


def recurrence(happens: Flags, bucket: Integers) -> str:
    """A clause for a person; empty where nothing can be said. Both are in the order of time."""
    keyed = bucket != NO_BUCKET
    happens, bucket = happens[keyed], bucket[keyed]
    hit = np.flatnonzero(happens)
    if not hit.size:
        return ""
    first = np.full(int(bucket.max()) + 1, happens.size)
    np.minimum.at(first, bucket[hit], hit)
    later = np.arange(happens.size) > first[bucket]
    chances, again = int(np.count_nonzero(later)), int(np.count_nonzero(later & happens))
    if not chances:
        return ""
    buckets = words.plural(int(np.unique(bucket[hit]).size), "bucket")
    others = words.plural(chances, "later pair")
    if binom.sf(again - 1, chances, hit.size / happens.size) < _DOUBT:
        if again == chances:
            return f"always on the same keys: {buckets}, in whose {others} it happens again"
        return (
            f"mostly on the same keys: {buckets}, in whose {others} it happens again in {words.count(again)}"
        )
    if binom.cdf(again, chances, 0.5) < _DOUBT:
        return (
            f"not on particular keys: {buckets}, in whose {others} it happens again in {words.count(again)}"
        )
    return ""
