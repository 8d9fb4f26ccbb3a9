"""From a real store to a report: the figures are those of the pairs, and everything closes."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from mesh.shadowing import Criteria
from shadow.pair import REPLAY, Outcome, Pair, PairId
from shadow.report.gather import Question, gather
from shadow.report.report import Report
from shadow.store.store import Store
from shadow.store.values import Count
from shadow.verdict.verdict import State
from tests.shadow.report.pairs import BEGIN, MINUTE, answer, liked, recorded, scaled
from tests.shadow.report.test_printable import texts


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store.open(str(tmp_path / "shadow.db")) as opened:
        yield opened


def report(
    store: Store, criteria: Criteria | None = None, *, color: str = "green", **asked: object
) -> Report:
    question = Question("recommender", color, **asked)  # type: ignore[arg-type]
    return gather(store, question, criteria or Criteria(), criteria_from="the test", now=BEGIN)


def test_a_colour_that_agrees_is_ready(store: Store) -> None:
    store.add(recorded(900))
    made = report(store)
    assert made.state is State.READY
    assert made.worst == ()
    assert (made.subject.primary, made.accounting.mirrored, made.verdict.pairs) == (("blue",), 900, 900)
    assert {each.name: (each.agreement, each.score) for each in made.outputs} == {
        "items": (1.0, 1.0),
        "scores": (1.0, 1.0),
        "status": (1.0, 1.0),
    }


def test_a_wrong_scale_is_not_ready_and_named(store: Store) -> None:
    store.add(recorded(500, scaled))
    made = report(store)
    assert made.state is State.NOT_READY
    assert "scores" in made.verdict.faults[0]
    assert "1.1" in made.verdict.faults[0]
    worst = made.worst[0]
    (scores,) = [each for each in worst.differences if each.output == "scores"]
    assert scores.sides[0].rows[0].change == "+0.1 (+10 %)"
    assert worst.request.messages[0][0].name == "user"
    assert worst.metadata == (("x-user-id", str(worst.number)),)


def test_the_overlap_of_a_ranking_is_the_one_computed_from_the_answers(store: Store) -> None:
    def off(found: Pair) -> Pair:
        number = found.id.number
        items = liked(number)[: 10 - number % 4] + [9_000 + at for at in range(number % 4)]
        return replace(found, shadow=replace(found.shadow, body=answer(items)))

    store.add(recorded(901, off))
    offline = sum(10 - number % 4 for number in range(1, 902)) / (901 * 10)
    made = report(store, Criteria(scores=(("items", 0.8),)))
    (items,) = [each for each in made.outputs if each.name == "items"]
    assert items.score == pytest.approx(offline, abs=1e-12)
    common, top = items.figure("common"), items.figure("top")
    assert common is not None
    assert top is not None
    assert common.total / top.total == offline
    assert made.state is State.READY


def test_every_shadow_is_accounted_for(store: Store) -> None:
    def ended(found: Pair) -> Pair:
        number = found.id.number
        shadow = replace(found.shadow, status="", body=None)
        if number % 100 == 1:
            return replace(found, outcome=Outcome.TIMED_OUT, shadow=shadow)
        return (
            replace(found, outcome=Outcome.FAILED, reason="reset", shadow=shadow)
            if number % 100 == 2
            else found
        )

    store.add(
        recorded(400, ended),
        [Count("splitter-1", "recommender", "green", "shadow", 41, Outcome.DROPPED, "in_flight", 7, BEGIN)],
    )
    accounting = report(store).accounting
    assert (accounting.compared, accounting.failed, accounting.timed_out, accounting.dropped) == (
        392,
        4,
        4,
        7,
    )
    assert accounting.mirrored == 407
    assert set(accounting.reasons) == {("dropped", "in_flight", 7), ("failed", "reset", 4)}
    assert sum(sum(each.outcomes.values()) for each in report(store).series) == 400


def test_the_course_ends_at_what_the_criterion_says(store: Store) -> None:
    store.add(recorded(400, lambda found: scaled(found) if found.id.number % 10 == 0 else found))
    made = report(store)
    agreement = next(each for each in made.verdict.findings if each.criterion == "agreement")
    last = made.series[-1]
    assert last.agreement == agreement.observed == 0.9
    assert last.interval == pytest.approx(agreement.interval)


def test_calls_that_fail_on_both_sides_say_nothing_of_agreement(store: Store) -> None:
    def down(found: Pair) -> Pair:
        if found.id.number % 4:
            return found
        primary, shadow = (
            replace(each, status="UNAVAILABLE", body=b"") for each in (found.primary, found.shadow)
        )
        return replace(found, primary=primary, shadow=shadow)

    store.add(recorded(40, down))
    made = report(store)
    agreement = next(each for each in made.verdict.findings if each.criterion == "agreement")
    assert agreement.pairs == sum(each.compared for each in made.series) == 30
    assert sum(each.agreeing for each in made.series) == 30


def test_an_output_with_a_criterion_of_its_own_is_not_in_the_agreement(store: Store) -> None:
    store.add(recorded(900, scaled))
    made = report(store, Criteria(scores=(("scores", 0.0),)))
    assert made.series[-1].agreement == 1.0
    assert made.state is State.READY


def test_noise_is_what_the_primary_says_of_itself(store: Store) -> None:
    store.add(recorded(300))
    store.add(
        recorded(
            100, lambda found: scaled(found) if found.id.number <= 2 else found, color="blue", role="noise"
        )
    )
    made = report(store)
    assert made.noise is not None
    assert (made.noise.pairs, made.noise.agreement) == (100, 0.98)


def test_only_the_period_that_is_asked_for_counts(store: Store) -> None:
    store.add(recorded(60))
    later = [
        replace(
            each,
            pair=replace(each.pair, id=PairId("later", each.pair.id.number), at=each.pair.at + 10 * MINUTE),
        )
        for each in recorded(40)
    ]
    store.add(later)
    assert report(store, since=BEGIN + 10 * MINUTE).accounting.mirrored == 40
    assert report(store, until=BEGIN + 10 * MINUTE).verdict.pairs == 60
    assert report(store).verdict.pairs == 100


def test_a_replay_is_reported_by_its_run(store: Store) -> None:
    for run, number in (("replay-1", 20), ("replay-2", 30)):
        pairs = recorded(number, role=REPLAY)
        store.add(
            [replace(each, pair=replace(each.pair, id=PairId(run, each.pair.id.number))) for each in pairs]
        )
    made = report(store, role=REPLAY, run="replay-2")
    assert (made.verdict.pairs, made.accounting.mirrored, made.subject.run) == (30, 30, "replay-2")


def test_a_replay_is_not_called_slow_for_latencies_of_another_client(store: Store) -> None:
    def slow(found: Pair) -> Pair:
        return replace(found, shadow=replace(found.shadow, latency=found.shadow.latency * 9))

    store.add(recorded(400, slow, role=REPLAY))
    made = report(store, Criteria(p50=None, p99=None), role=REPLAY)
    assert made.verdict.faults == ()
    assert made.ratios["p50"] == pytest.approx(11.2, rel=0.1)


def test_the_environment_has_both_variants(store: Store) -> None:
    store.add(recorded(50))
    told = report(store).environment
    assert [(each.color, each.endpoints, each.versions) for each in (*told.primary, *told.shadow)] == [
        ("blue", (("127.0.0.1:8011", 50),), (("v2", 50),)),
        ("green", (("127.0.0.1:8012", 50),), (("v3", 50),)),
    ]
    assert (told.revisions, told.methods[0][1]) == (((41, 50),), 50)


def test_the_same_request_is_shown_once(store: Store) -> None:
    same = recorded(1)[0].pair.request
    store.add(
        recorded(
            40, lambda found: replace(scaled(found), request=same if found.id.number > 3 else found.request)
        )
    )
    numbers = [each.number for each in report(store, worst=10).worst]
    assert len(numbers) == 3


def test_pairs_without_payload_have_figures_and_no_tensors(store: Store) -> None:
    store.add(recorded(20, scaled, keep=False))
    made = report(store)
    assert made.worst[0].request.text == "not kept"
    assert len(made.outputs) == 3


def test_a_shadow_nobody_has_seen_is_not_enough_data(store: Store) -> None:
    made = report(store, color="canary")
    assert (made.state, made.accounting.mirrored, made.series) == (State.NOT_ENOUGH_DATA, 0, ())


def test_what_a_model_says_is_no_command_to_a_terminal(store: Store) -> None:
    hostile = "\x1b[2J"

    def says(found: Pair) -> Pair:
        shadow = replace(found.shadow, status="INTERNAL", message=hostile, version=hostile, body=b"")
        return replace(found, shadow=shadow, metadata=((hostile, hostile),))

    store.add(recorded(5, says))
    made = report(store, Criteria(scores=((hostile, 0.5),)))
    assert "INTERNAL" in texts(made)
    assert not [text for text in texts(made) if "\x1b" in text]
