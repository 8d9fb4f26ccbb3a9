"""The verdict of all criteria together."""

from dataclasses import replace

import numpy as np

from mesh.shadowing import Criteria
from shadow.verdict.evidence import Evidence
from shadow.verdict.judge import judge
from shadow.verdict.verdict import Finding, State, Verdict
from tests.shadow.verdict.made import evidence, output


def finding(verdict: Verdict, name: str) -> Finding:
    return next(each for each in verdict.findings if each.criterion == name)


def test_a_shadow_like_the_primary_is_ready_after_a_thousand_pairs() -> None:
    verdict = judge(evidence(1_000), None, Criteria())
    assert verdict.state == State.READY
    assert [each.criterion for each in verdict.findings] == ["pairs", "agreement", "errors", "p50", "p99"]
    assert {each.state for each in verdict.findings} == {State.READY}
    assert (verdict.pairs, verdict.more_pairs, verdict.confidence) == (1_000, 0, 0.95)
    assert (verdict.faults, verdict.warnings) == ((), ())


def test_without_any_pair_there_is_not_enough_data() -> None:
    verdict = judge(Evidence(), None, Criteria(scores=(("items", 0.6),)))
    assert verdict.state == State.NOT_ENOUGH_DATA
    assert verdict.more_pairs is None
    assert finding(verdict, "pairs").more_pairs == 300
    assert [each.observed for each in verdict.findings] == [0.0, None, None, None, None, None]


def test_one_criterion_that_fails_is_enough() -> None:
    verdict = judge(evidence(2_000, slower=3), None, Criteria())
    assert verdict.state == State.NOT_READY
    assert finding(verdict, "p50").state == State.NOT_READY
    assert finding(verdict, "agreement").state == State.READY
    assert verdict.more_pairs == 0


def test_too_few_pairs_are_never_ready_but_may_be_not_ready() -> None:
    many = Criteria(pairs=10_000)
    healthy = judge(evidence(2_000), None, many)
    assert (healthy.state, healthy.more_pairs) == (State.NOT_ENOUGH_DATA, 8_000)
    assert judge(evidence(2_000, slower=3), None, many).state == State.NOT_READY


def test_so_many_more_pairs_are_needed_as_the_slowest_criterion_needs() -> None:
    verdict = judge(evidence(100), None, Criteria(p99=None))
    assert verdict.state == State.NOT_ENOUGH_DATA
    assert verdict.more_pairs == max(each.more_pairs or 0 for each in verdict.findings) > 500


def test_the_first_criterion_that_will_fail_decides() -> None:
    """Others would need more pairs, or will never be decided."""
    verdict = judge(evidence(200, slower=2.6), None, Criteria(agreement=1.0))
    latency = finding(verdict, "p50")
    assert finding(verdict, "agreement").more_pairs is None
    assert latency.state == State.NOT_ENOUGH_DATA
    assert verdict.more_pairs == latency.more_pairs


def test_an_agreement_of_everything_is_never_ready_and_says_why() -> None:
    verdict = judge(evidence(5_000), None, Criteria(agreement=1.0))
    assert (verdict.state, verdict.more_pairs) == (State.NOT_ENOUGH_DATA, None)
    assert finding(verdict, "agreement").words.endswith("no sample can show all of something")


def test_findings_say_what_was_seen_what_is_known_and_what_is_asked_for() -> None:
    scores = np.full(1_000, 0.7)
    made = evidence(1_000, outputs=(output("items", scores, agrees=np.ones(1_000, np.bool_)),), failing=0.1)
    verdict = judge(made, None, Criteria(scores=(("items", 0.6),)))
    told = {each.criterion: each.words for each in verdict.findings}
    failed = int(made.shadow_failed.sum())
    assert told["pairs"] == "1 000 pairs, and at least 300 are asked for"
    assert told["agreement"].startswith(f"100 % of {1_000 - failed} pairs agree (99.")
    assert told["agreement"].endswith("to 100 %), and at least 99 % is asked for")
    assert told["errors"].startswith(
        f"the shadow fails in {failed / 10:.1f} % more of 1 000 pairs than the primary ("
    )
    assert told["errors"].endswith("and at most 0.5 % is asked for")
    assert told["p50"].startswith("p50 is 1.01 × the primary's in ")
    assert told["p50"].endswith("and at most 2 × is asked for")
    assert told["scores items"].startswith("a mean score of 70.00 % in ")


def test_an_undecided_finding_says_how_many_more_pairs_decide_it() -> None:
    finding_ = finding(judge(evidence(500), None, Criteria()), "errors")
    assert finding_.more_pairs is not None
    assert finding_.words.endswith("about 200 more would show it ready")


def test_above_a_noise_floor_the_words_say_so() -> None:
    made, noise = evidence(2_000, differing=0.1), evidence(2_000, differing=0.1, seed=1)
    verdict = judge(made, noise, Criteria(agreement=0.9))
    assert "agree above the noise floor" in finding(verdict, "agreement").words
    assert verdict.state == State.READY
    assert judge(made, None, Criteria(agreement=0.9)).state != State.READY


def test_no_latency_is_known_where_every_client_gave_up() -> None:
    made = evidence(1_000)
    silent = replace(made, primary_latency=np.full(1_000, np.nan), shadow_latency=np.full(1_000, np.nan))
    verdict = judge(silent, None, Criteria())
    assert (finding(verdict, "p50").pairs, finding(verdict, "p50").more_pairs) == (0, None)
    assert verdict.state == State.NOT_ENOUGH_DATA
