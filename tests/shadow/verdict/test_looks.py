"""Whoever looks all the time, and stops when he likes what he sees, is told wrong things no more often than is said.

Seeded: what is counted here is the same on every run.
"""

import numpy as np
import pytest

from mesh.shadowing import Criteria
from shadow.verdict.evidence import Evidence
from shadow.verdict.faults import faults_of
from shadow.verdict.judge import judge
from shadow.verdict.verdict import State
from tests.shadow.verdict.looks import ever, says
from tests.shadow.verdict.made import evidence, first, output

PAIRS = 5_000
EVERY_TEN = range(10, PAIRS + 1, 10)
FEW = (20, 50, 100, 200, 400, 700, 1_000, 1_500, 2_000, 3_000, 4_000, 5_000)

LENIENT = Criteria()
EXACT = Criteria(agreement=0.99, errors=0.0, p50=1.0, p99=1.0, pairs=100)
"""Bounds that the shadows of `same` meet with nothing to spare: nothing could be told apart less."""
SCORED = Criteria(agreement=0.99, scores=(("items", 0.9),), errors=0.0, p50=None, p99=1.0, pairs=100)
DOUBTFUL = Criteria(agreement=0.99, errors=0.0, p50=1.0, p99=1.0, confidence=0.8)
ABOVE_NOISE = Criteria(agreement=1.0, errors=0.0, p50=None, p99=None)


def same(seed: int, *, score: float = 0.9) -> Evidence:
    """A/A: either leg fails in 0.5 % of pairs, 1 % differ, latencies have one distribution, the mean score is 0.9."""
    scores = (
        np.random.default_rng([seed, 2]).choice([1, 0.9, 0.8, 0.4], PAIRS, p=[0.5, 0.2, 0.25, 0.05])
        + score
        - 0.9
    )
    items = output("items", np.clip(scores, 0, 1), measure="ranking", agrees=np.ones(PAIRS, np.bool_))
    return evidence(PAIRS, seed=seed, differing=0.01, failing=0.005, primary_failing=0.005, outputs=(items,))


@pytest.mark.parametrize(
    ("criteria", "most"), [(LENIENT, 5), (EXACT, 5), (SCORED, 5), (DOUBTFUL, 20)], ids=str
)
def test_blue_against_blue_is_not_ready_no_more_often_than_confidence_leaves(
    criteria: Criteria, most: int
) -> None:
    """100 shadows like the primary, looked at 500 times each."""
    wrong = [ever(says(same(seed), criteria, EVERY_TEN))[1] for seed in range(100)]
    assert sum(wrong) <= most


def test_blue_against_blue_above_its_own_noise_is_not_ready_no_more_often_either() -> None:
    wrong = [ever(says(same(seed), ABOVE_NOISE, FEW, noise=same(seed + 1_000)))[1] for seed in range(100)]
    assert sum(wrong) <= 5


def test_a_healthy_shadow_is_ready_in_the_end() -> None:
    ready = [
        ever(says(same(seed), Criteria(agreement=0.98, errors=0.01), EVERY_TEN))[0] for seed in range(20)
    ]
    assert sum(ready) >= 19


WORSE = {
    "agreement": (lambda seed: evidence(PAIRS, seed=seed, differing=0.0101), LENIENT),
    "errors": (lambda seed: evidence(PAIRS, seed=seed, failing=0.0076, primary_failing=0.0025), LENIENT),
    "p50": (lambda seed: evidence(PAIRS, seed=seed, slower=2.01), LENIENT),
    "p99": (lambda seed: evidence(PAIRS, seed=seed, slower=2.01), LENIENT),
    "scores items": (lambda seed: same(seed, score=0.899), SCORED),
}


@pytest.mark.parametrize("criterion", WORSE)
def test_a_shadow_just_worse_than_one_bound_is_ready_no_more_often_than_confidence_leaves(
    criterion: str,
) -> None:
    """100 shadows, looked at 500 times each; whatever the other criteria say."""
    make, criteria = WORSE[criterion]
    wrong = [says(make(seed), criteria, EVERY_TEN)[criterion][0].any() for seed in range(100)]
    assert sum(wrong) <= 5


def test_blue_against_blue_has_no_faults() -> None:
    """100 shadows, 12 looks each; each of the kinds of fault may be wrong as often as confidence leaves."""
    criteria = Criteria(agreement=0.98)
    wrong = [
        any(faults_of(first(made, look), None, criteria) for look in FEW) for made in map(same, range(100))
    ]
    assert sum(wrong) <= 5


@pytest.mark.parametrize("look", [10, 370, 5_000])
@pytest.mark.parametrize("criteria", [LENIENT, SCORED], ids=["lenient", "scored"])
def test_what_is_counted_here_is_what_the_verdict_says(look: int, criteria: Criteria) -> None:
    made = evidence(PAIRS, seed=3, failing=0.02, slower=1.2)
    made = made if not criteria.scores else same(3)
    said = {name: column[:, 0] for name, column in says(made, criteria, [look]).items()}
    for finding in judge(first(made, look), None, criteria).findings[1:]:
        ready, not_ready = said[finding.criterion]
        expected = State.READY if ready else State.NOT_READY if not_ready else State.NOT_ENOUGH_DATA
        assert (finding.criterion, finding.state) == (finding.criterion, expected)
