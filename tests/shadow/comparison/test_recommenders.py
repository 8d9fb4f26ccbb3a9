"""The demo's two recommenders: what comparing their answers pair by pair adds up to is what the models say."""

from fractions import Fraction
from pathlib import Path

import numpy as np
import onnxruntime

from mesh.shadowing import Compare
from shadow.comparison.comparator import Comparator
from tests.shadow.answers import answered

MODELS = Path(__file__).parents[3] / "deploy" / "demo" / "models"


def test_the_mean_overlap_over_pairs_is_the_one_computed_from_the_models() -> None:
    users = np.arange(1, 672, 4)
    blue, green = (
        onnxruntime.InferenceSession(MODELS / f"{color}.onnx").run(["items", "scores"], {"user": users})
        for color in ("blue", "green")
    )
    offline = sum(
        len(set(old) & set(new)) for old, new in zip(blue[0].tolist(), green[0].tolist(), strict=True)
    )
    comparator = Comparator(Compare())
    common = top = 0
    for row in range(len(users)):
        primary, shadow = (
            {"items": items[[row]], "scores": scores[[row]]} for items, scores in (blue, green)
        )
        _, items, _ = comparator.compare(answered(primary, shadow)).differences
        assert (items.output, items.measure) == ("items", "ranking")
        common, top = common + int(items.figures["common"]), top + int(items.figures["top"])
    assert Fraction(common, top) == Fraction(offline, 10 * len(users))
    assert 0 < offline < 10 * len(users)
