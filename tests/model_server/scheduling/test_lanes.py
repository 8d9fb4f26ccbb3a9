"""What is kept of models: everything while they are there, of those that are gone only what they counted."""

import gc

from model_server.models import Model, fake_model
from model_server.scheduling.lanes import Lane, Lanes


def model() -> Model:
    """In no cycle: gone with its last reference."""
    tensor = ("FP32", (-1,))
    return fake_model(
        lambda names, feeds: [feeds["X"]], name="m", inputs={"X": tensor}, outputs={"Y": tensor}
    )


def lanes_alive() -> int:
    gc.collect()
    return sum(isinstance(each, Lane) for each in gc.get_objects())


def test_a_model_has_one_lane_and_another_of_its_name_has_another() -> None:
    lanes = Lanes()
    one, other = model(), model()
    assert lanes.of(one) is lanes.of(one)
    assert lanes.of(one) is not lanes.of(other)
    assert len(lanes) == 2


def test_lanes_of_models_that_are_gone_are_not_kept_though_nobody_asks_for_tallies() -> None:
    """A server without an admin port never does; each reload is another model."""
    lanes = Lanes()
    before = lanes_alive()
    for _ in range(100):
        lanes.of(model())
    assert lanes_alive() - before <= 2
    assert list(lanes.tallies()) == [("m", "1")]
