"""What is wrong with the evidence is said beside the verdict."""

from dataclasses import replace

import numpy as np

from mesh.shadowing import Criteria
from shadow.verdict.cautions import cautions_of
from shadow.verdict.evidence import Evidence
from tests.shadow.verdict.made import evidence, fail_primary, keyed, output, users


def warned(made: Evidence, noise: Evidence | None = None, **criteria: object) -> tuple[str, ...]:
    return cautions_of(made, noise, Criteria(**criteria))


def test_shadows_that_were_dropped_may_not_be_like_the_others() -> None:
    made = replace(evidence(500), dropped={"in_flight": 400, "bytes": 100})
    assert warned(made) == (
        "50.0 % of the shadows were dropped (bytes 100, in_flight 400): the others may not be like them",
    )
    assert warned(replace(made, dropped={"in_flight": 20})) == ()


def test_shadows_that_were_left_out_by_chance_are_like_the_others() -> None:
    assert warned(replace(evidence(500), dropped={"not_sampled": 9_500})) == ()


def test_a_primary_that_fails_itself_is_told() -> None:
    made = fail_primary(evidence(500), np.arange(500) % 10 == 0)
    assert warned(made) == ("the primary itself fails in 10.0 % of pairs, which are not compared",)


def test_few_keys_are_told() -> None:
    assert warned(keyed(evidence(500), users(500, seed=1, number=1_000, zipf=True))) == ()
    (caution,) = warned(keyed(evidence(500), users(500, seed=1, number=5)))
    assert caution.startswith("the pairs come from few keys (as good as 5 equally frequent ones)")


def test_a_score_of_an_output_that_nobody_has_is_told() -> None:
    made = evidence(5, outputs=(output("items", np.ones(5)),))
    assert warned(made, scores=(("item", 0.5),)) == (
        "no answer has an output item, for which criteria.scores has a bound",
    )
    assert warned(made, scores=(("items", 0.5),)) == ()


def test_a_noise_floor_of_few_pairs_is_told() -> None:
    assert warned(evidence(500), evidence(20)) == ("the noise floor rests on 20 pairs",)
    assert warned(evidence(500), evidence(400)) == ()


def test_a_primary_that_is_not_like_itself_is_told() -> None:
    noise = evidence(1_000, outputs=(output("items", np.full(1_000, 0.5)),))
    assert warned(evidence(500), noise) == ("the primary agrees with itself in 0 % of pairs only",)
    assert warned(evidence(500), noise, scores=(("items", 0.6),))[-1] == (
        "output items: the primary itself has a mean score of 50.0 % only"
    )
