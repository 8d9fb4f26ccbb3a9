"""What `splitter.metrics` promises: figures that Prometheus reads as they are meant."""

import json
from importlib.metadata import version

import pytest
from prometheus_client.metrics_core import Metric
from prometheus_client.parser import text_string_to_metric_families

from splitter import figures, metrics
from splitter.observer import BOUNDS, Durations
from splitter.watchdog import Watchdog
from tests.splitter.rig import Pair, Rig, pair

MIRRORED = {
    "split": {"blue": 0, "green": 100},
    "mirror": [{"color": "blue", "percent": 100}, {"color": "red", "percent": 100}],
}


def page(rig: Rig) -> str:
    """What a scrape says."""
    control = rig.control
    status = {**control.describe(), "endpoints": control.endpoints.counts()}
    counted = figures.of(rig.switch, control, Watchdog(0)) | metrics.state(status, consul_up=True)
    return "".join(metrics.render(rig.service, counted))


def scraped(rig: Rig) -> dict[str, Metric]:
    """The same, by the name of its family."""
    return {family.name: family for family in text_string_to_metric_families(page(rig))}


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
            "verdigris_resends": "counter",
            "verdigris_resends_refused": "counter",
            "verdigris_ejections": "counter",
            "verdigris_endpoint_ejected": "gauge",
            "verdigris_connection_faults": "counter",
            "verdigris_stream_faults": "counter",
            "verdigris_spans_lost": "counter",
            "verdigris_mirrored": "counter",
            "verdigris_mirror": "counter",
            "verdigris_loop_stalls": "counter",
            "verdigris_loop_stalled_seconds": "counter",
            "verdigris_mirror_in_flight": "gauge",
            "verdigris_connections": "gauge",
            "verdigris_streams": "gauge",
            "verdigris_revision": "gauge",
            "verdigris_refused_revision": "gauge",
            "verdigris_warnings": "gauge",
            "verdigris_consul_up": "gauge",
            "verdigris_endpoints": "gauge",
            "verdigris_build_info": "gauge",
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
        durations = at.rig.observer.durations[b"/a.S/M", "blue"] = Durations()
        durations.buckets = [1, 2, 0, 3] + [0] * (len(BOUNDS) - 4) + [4]
        durations.total = 2_500_000_000
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


async def test_the_histogram_counts_every_call_of_its_method_and_color() -> None:
    """It has no label for the outcome: each would cost seventeen series more."""
    async with pair() as at:
        for status in (0, 0, 5):
            await serve(at, status=status)
        families = scraped(at.rig)
        assert values(families["verdigris_calls"], "color", "code") == {
            ("blue", "OK"): 2,
            ("blue", "NOT_FOUND"): 1,
        }
        name = "verdigris_call_duration_seconds"
        labels = ("service", "method", "color")
        assert values(families[name], *labels, sample=f"{name}_count") == {
            ("recommender", "/inference.GRPCInferenceService/ModelInfer", "blue"): 3
        }


async def test_faults_resends_and_ejections_are_counted_by_why() -> None:
    async with pair() as at:
        observer = at.rig.observer
        for _ in range(2):
            observer.fault("client", "rapid_reset")
        observer.fault("upstream", "loop")
        observer.stream_fault("client", "malformed")
        observer.resend("refused_stream")
        observer.resend_refused("budget")
        observer.ejection("green")
        families = scraped(at.rig)
        assert values(families["verdigris_connection_faults"], "side", "reason") == {
            ("client", "rapid_reset"): 2,
            ("upstream", "loop"): 1,
        }
        assert values(families["verdigris_stream_faults"], "side", "reason") == {("client", "malformed"): 1}
        assert values(families["verdigris_resends"], "reason") == {("refused_stream",): 1}
        assert values(families["verdigris_resends_refused"], "reason") == {("budget",): 1}
        assert values(families["verdigris_ejections"], "service", "color") == {("recommender", "green"): 1}


async def test_whether_an_endpoint_is_left_out_is_shown_for_each_and_by_role() -> None:
    async with pair(MIRRORED) as at:
        endpoints, shadows = at.rig.control.endpoints.pools, at.rig.control.shadow_endpoints.pools
        shadows[at.blue.endpoint].ejection.eject(now=0)
        family = scraped(at.rig)["verdigris_endpoint_ejected"]
        blue, green = (f"127.0.0.1:{each.port}" for each in (at.blue, at.green))
        assert values(family, "color", "endpoint", "role") == {
            ("blue", blue, "primary"): 0,
            ("green", green, "primary"): 0,
            ("blue", blue, "shadow"): 1,
        }
        assert not any(pool.ejection.ejected for pool in endpoints.values())


async def test_connections_and_streams_are_shown_on_either_side() -> None:
    async with pair() as at:
        call = at.client.call()
        await at.rig.request()
        families = scraped(at.rig)
        assert values(families["verdigris_connections"], "side") == {("client",): 1, ("upstream",): 2}
        assert values(families["verdigris_streams"], "side") == {("client",): 1, ("upstream",): 1}
        call.cancel()


async def test_every_series_names_its_service_and_none_is_there_twice() -> None:
    async with pair(MIRRORED) as at:
        call = at.client.call()
        (await at.green.request()).answer()
        await call.end()
        samples = [line for line in page(at.rig).splitlines() if not line.startswith("#")]
        names = [sample.rpartition(" ")[0] for sample in samples]
        assert len(names) == len(set(names))
        assert all('service="recommender"' in name for name in names)


async def test_a_page_of_any_length_is_rendered_in_short_slices() -> None:
    """Between two slices the event loop turns, and calls go on."""
    counted = {
        "verdigris_call_duration_seconds": {
            (f"/m{n}", "blue"): [0] * (len(BOUNDS) + 2) for n in range(1_000)
        },
        "verdigris_calls_total": {(f"/m{n}", "blue", "split", "OK"): n for n in range(1_000)},
    }
    slices = list(metrics.render("recommender", counted))
    longest = max(each.count("\n") for each in slices)
    assert longest <= metrics.SLICE + len(BOUNDS) + 4
    assert "".join(slices).count("\n") == 1_000 * (len(BOUNDS) + 3) + 1_000 + 2 * 2


class TestSums:
    def test_counters_and_histograms_of_several_processes_add_up(self) -> None:
        one = {"a": {("x",): 1, ("y",): 2}, "h": {(): [10, 1, 0]}}
        other = {"a": {("y",): 3}, "h": {(): [5, 0, 2]}, "b": {(): 0.5}}
        assert figures.total((one, other)) == {
            "a": {("x",): 1, ("y",): 5},
            "h": {(): [15, 1, 2]},
            "b": {(): 0.5},
        }
        assert one["h"] == {(): [10, 1, 0]}, "what is summed stays as it was"

    def test_of_a_certificate_s_end_the_earliest_that_any_process_uses_is_shown(self) -> None:
        name = "verdigris_tls_certificate_expiry_timestamp_seconds"
        assert figures.total({name: {("tls-cert",): end}} for end in (3.0, 1.0, 2.0)) == {
            name: {("tls-cert",): 1.0}
        }

    @pytest.mark.parametrize("length", [0, 1, figures.SLICE, 3 * figures.SLICE + 1])
    def test_they_travel_as_json(self, length: int) -> None:
        counted = {"a": {(f"{n}", 'q"'): n for n in range(length)}, "h": {(): [1, 2]}, "none": {}}
        text = "".join(figures.to_json(counted))
        assert figures.from_json(json.loads(text)) == counted

    async def test_a_real_data_path_s_too(self) -> None:
        async with pair(MIRRORED) as at:
            call = at.client.call()
            (await at.green.request()).answer()
            await call.end()
            counted = figures.of(at.rig.switch, at.rig.control, Watchdog(0))
            assert figures.from_json(json.loads("".join(figures.to_json(counted)))) == counted


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
        assert values(families["verdigris_mirrored"], "color", "role") == {
            ("blue", "shadow"): 2,
            ("red", "shadow"): 2,
        }
        assert values(families["verdigris_mirror"], "color", "role", "outcome", "detail") == {
            ("blue", "shadow", "completed", "OK"): 1,
            ("red", "shadow", "dropped", "no_endpoint"): 2,
        }
        assert values(families["verdigris_mirror_in_flight"]) == {(): 1}


async def test_the_state_says_what_an_alert_asks() -> None:
    async with pair({"split": {"blue": 50, "green": 50}}) as at:
        call = at.client.call()
        await at.rig.request()
        at.rig.register(at.green, passing=False)
        at.rig.put(b"oops")
        families = scraped(at.rig)
        state = {
            name: values(families[f"verdigris_{name}"])[()]
            for name in ("revision", "refused_revision", "warnings", "consul_up")
        }
        assert state == {"revision": 1, "refused_revision": 2, "warnings": 1, "consul_up": 1}
        assert values(families["verdigris_endpoints"], "color", "state") == {
            ("blue", "registered"): 1,
            ("blue", "healthy"): 1,
            ("green", "registered"): 1,
            ("green", "healthy"): 0,
        }
        call.cancel()


@pytest.mark.parametrize(("compiled", "said"), [(True, "compiled"), (False, "interpreted")])
async def test_the_page_says_which_build_it_is_of(
    compiled: bool, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(metrics, "COMPILED", compiled)
    async with pair() as at:
        info = scraped(at.rig)["verdigris_build_info"]
        assert values(info, "version", "data_path") == {(version("verdigris"), said): 1}


async def test_whatever_a_client_calls_a_method_the_page_stays_readable() -> None:
    async with pair() as at:
        paths = [b'/"quoted"', b"/back\\slash", b"/{a=1} # x", b"/ " * 100, b"/\t", b"/*"]
        for path in paths:
            call = at.client.call(path)
            (await at.blue.request()).refuse(12)
            await call.end()
        calls = scraped(at.rig)["verdigris_calls"]
        assert values(calls, "method") == {(path.decode("latin-1"),): 1 for path in paths}
