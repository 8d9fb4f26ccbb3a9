"""What `splitter.observer` promises: every call and every attempt is counted once, under bounded labels."""

from splitter import observer as module
from splitter.observer import BOUNDS, OTHER
from tests.splitter.rig import SAFE, UNSAFE, pair


async def test_calls_are_counted_by_method_color_reason_and_status() -> None:
    key = {"split": {"blue": 100, "green": 0}, "key": {"metadata": "x-user-id"}}
    async with pair(key) as at:
        for path, metadata, status in [
            (SAFE, (), 0),
            (SAFE, (), 0),
            (UNSAFE, (), 5),
            (SAFE, ((b"x-user-id", b"7"),), 0),
        ]:
            call = at.client.call(path, *metadata)
            (await at.blue.request()).answer(status=status)
            await call.end()
        counts = {labels: series.count for labels, series in at.rig.observer.calls.items()}
        assert counts == {
            (SAFE, "blue", "split", "OK"): 2,
            (UNSAFE, "blue", "split", "NOT_FOUND"): 1,
            (SAFE, "blue", "key", "OK"): 1,
        }


async def test_a_call_s_time_is_in_the_bucket_that_bounds_it() -> None:
    async with pair() as at:
        for _ in range(3):
            call = at.client.call()
            (await at.blue.request()).answer()
            await call.end()
        (series,) = at.rig.observer.calls.values()
        (durations,) = at.rig.observer.durations.values()
        assert series.durations is durations
        assert series.count == sum(durations.buckets) == 3
        mean = durations.total / 3
        lowest = next(place for place, count in enumerate(durations.buckets) if count)
        assert (0, *BOUNDS)[lowest] <= mean


async def test_calls_of_one_method_and_color_share_a_histogram_whatever_became_of_them() -> None:
    async with pair() as at:
        for status in (0, 5):
            call = at.client.call()
            (await at.blue.request()).answer(status=status)
            await call.end()
        assert len(at.rig.observer.calls) == 2
        assert {labels: sum(each.buckets) for labels, each in at.rig.observer.durations.items()} == {
            (SAFE, "blue"): 2
        }


async def test_a_client_that_invents_methods_does_not_grow_the_metrics() -> None:
    async with pair() as at:
        for number in range(module.MAX_METHODS + 20):
            call = at.client.call(b"/a.S/Method%d" % number)
            (await at.blue.request()).refuse(12)
            await call.end()
        calls = at.rig.observer.calls
        assert len(calls) == module.MAX_METHODS + 1
        assert calls[OTHER, "blue", "split", "UNIMPLEMENTED"].count == 20
        long = at.client.call(b"/a.S/" + b"x" * 10_000)
        (await at.blue.request()).refuse(12)
        await long.end()
        assert calls[OTHER, "blue", "split", "UNIMPLEMENTED"].count == 21
        known = at.client.call(b"/a.S/Method3")
        (await at.blue.request()).refuse(12)
        await known.end()
        assert calls[b"/a.S/Method3", "blue", "split", "UNIMPLEMENTED"].count == 2


async def test_attempts_are_counted_where_they_happened() -> None:
    async with pair({"split": {"blue": 0, "green": 100}}) as at:
        call = at.client.call()
        (await at.green.request()).refuse(14)
        (await at.blue.request()).answer(status=13)
        await call.end()
        direct = at.client.call()
        (await at.green.request()).answer()
        await direct.end()
        assert at.rig.observer.legs() == {
            ("green", "primary", "UNAVAILABLE"): 1,
            ("blue", "fallback", "INTERNAL"): 1,
            ("green", "primary", "OK"): 1,
        }


async def test_a_call_that_no_endpoint_saw_is_no_attempt() -> None:
    async with pair({"split": {"red": 100}, "fallback": False}) as at:
        await at.client.call().end()
        assert at.rig.observer.legs() == {}
        assert at.rig.counted() == {("", "", "UNAVAILABLE"): 1}
