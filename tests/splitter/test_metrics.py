"""What `splitter.metrics` promises: figures that Prometheus reads as they are meant."""

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.metrics_core import Metric
from prometheus_client.parser import text_string_to_metric_families

from splitter.metrics import SplitterCollector
from splitter.observer import BOUNDS, Series
from tests.splitter.rig import Pair, Rig, pair

MIRRORED = {
    "split": {"blue": 0, "green": 100},
    "mirror": [{"color": "blue", "percent": 100}, {"color": "red", "percent": 100}],
}


def scraped(rig: Rig) -> dict[str, Metric]:
    """What a scrape says, by the name of its family."""
    registry = CollectorRegistry()
    registry.register(SplitterCollector(rig.control, rig.switch))
    text = generate_latest(registry).decode()
    return {family.name: family for family in text_string_to_metric_families(text)}


def values(family: Metric, *names: str, sample: str = "") -> dict[tuple[str, ...], float]:
    """The samples of a family by these labels."""
    return {
        tuple(each.labels[name] for name in names): each.value
        for each in family.samples
        if each.name == (sample or family.name) or each.name == f"{family.name}_total"
    }


async def serve(at: Pair, status: int = 0) -> None:
    call = at.client.call()
    (await at.rig.request())[1].answer(status=status)
    await call.end()


async def test_every_family_has_its_type_and_its_help() -> None:
    async with pair() as at:
        families = scraped(at.rig)
        assert {name: family.type for name, family in families.items()} == {
            "verdigris_calls": "counter",
            "verdigris_call_duration_seconds": "histogram",
            "verdigris_legs": "counter",
            "verdigris_spans_lost": "counter",
            "verdigris_mirrored": "counter",
            "verdigris_mirror": "counter",
            "verdigris_mirror_in_flight": "gauge",
            "verdigris_in_flight": "gauge",
            "verdigris_clients": "gauge",
            "verdigris_revision": "gauge",
            "verdigris_refused_revision": "gauge",
            "verdigris_warnings": "gauge",
            "verdigris_consul_up": "gauge",
            "verdigris_endpoints": "gauge",
        }
        assert all(family.documentation for family in families.values())


async def test_calls_have_the_labels_that_one_asks_for() -> None:
    async with pair() as at:
        await serve(at)
        await serve(at, status=5)
        calls = scraped(at.rig)["verdigris_calls"]
        assert values(calls, "service", "method", "color", "reason", "code") == {
            ("recommender", "/inference.GRPCInferenceService/ModelInfer", "blue", "split", code): 1
            for code in ("OK", "NOT_FOUND")
        }


async def test_histograms_are_cumulative_and_end_with_all() -> None:
    async with pair() as at:
        series = at.rig.observer.calls[b"/a.S/M", "blue", "split", "OK"] = Series()
        series.buckets = [1, 2, 0, 3] + [0] * (len(BOUNDS) - 4) + [4]
        series.count, series.total = 10, 2_500_000_000
        family = scraped(at.rig)["verdigris_call_duration_seconds"]
        buckets = {
            float(each.labels["le"]): each.value for each in family.samples if each.name.endswith("_bucket")
        }
        assert sorted(buckets)[:-1] == [bound / 1e9 for bound in BOUNDS]
        assert [buckets[bound] for bound in sorted(buckets)] == [1, 3, 3] + [6] * (len(BOUNDS) - 3) + [10]
        others = {
            each.name.rpartition("_")[2]: each.value for each in family.samples if "le" not in each.labels
        }
        assert others == {"count": 10, "sum": 2.5}


async def test_the_histogram_counts_what_the_counter_counts() -> None:
    async with pair() as at:
        for _ in range(5):
            await serve(at)
        families = scraped(at.rig)
        counted = values(families["verdigris_calls"], "color", "code")
        name = "verdigris_call_duration_seconds"
        assert (
            values(families[name], "color", "code", sample=f"{name}_count") == counted == {("blue", "OK"): 5}
        )


async def test_a_leg_that_failed_counts_against_its_color() -> None:
    async with pair({"split": {"blue": 0, "green": 100}}) as at:
        call = at.client.call()
        (await at.green.request()).refuse(14)
        (await at.blue.request()).answer()
        await call.end()
        families = scraped(at.rig)
        assert values(families["verdigris_legs"], "service", "color", "role", "code") == {
            ("recommender", "green", "primary", "UNAVAILABLE"): 1,
            ("recommender", "blue", "fallback", "OK"): 1,
        }
        assert values(families["verdigris_calls"], "color", "reason", "code") == {
            ("blue", "fallback", "OK"): 1
        }


async def test_shadows_are_accounted_for() -> None:
    async with pair(MIRRORED) as at:
        for _ in range(2):
            call = at.client.call()
            (await at.green.request()).answer()
            await call.end()
        (await at.blue.request()).answer()
        await at.rig.news.until(lambda: len(at.rig.switch.mirrors.active) == 1)
        families = scraped(at.rig)
        assert values(families["verdigris_mirrored"], "color") == {("blue",): 2, ("red",): 2}
        assert values(families["verdigris_mirror"], "color", "outcome", "detail") == {
            ("blue", "completed", "OK"): 1,
            ("red", "dropped", "no_endpoint"): 2,
        }
        assert values(families["verdigris_mirror_in_flight"]) == {(): 1}


async def test_the_state_says_what_an_alert_asks() -> None:
    async with pair({"split": {"blue": 50, "green": 50}}) as at:
        call = at.client.call()
        await at.rig.request()
        at.rig.register(at.green, passing=False)
        at.rig.put(b"oops")
        families = scraped(at.rig)
        figures = {
            name: values(families[f"verdigris_{name}"])[()]
            for name in ("in_flight", "clients", "revision", "refused_revision", "warnings")
        }
        assert figures == {"in_flight": 1, "clients": 1, "revision": 1, "refused_revision": 2, "warnings": 1}
        assert values(families["verdigris_endpoints"], "color", "state") == {
            ("blue", "registered"): 1,
            ("blue", "healthy"): 1,
            ("green", "registered"): 1,
            ("green", "healthy"): 0,
        }
        call.cancel()


async def test_whatever_a_client_calls_a_method_the_page_stays_readable() -> None:
    async with pair() as at:
        paths = [b'/"quoted"', b"/back\\slash", b"/{a=1} # x", b"/ " * 100, b"\t", b"*"]
        for path in paths:
            call = at.client.call(path)
            (await at.blue.request()).refuse(12)
            await call.end()
        calls = scraped(at.rig)["verdigris_calls"]
        assert values(calls, "method") == {(path.decode("latin-1"),): 1 for path in paths}
