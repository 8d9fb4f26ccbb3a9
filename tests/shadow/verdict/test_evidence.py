"""Evidence is columns, and may be empty."""

import numpy as np

from shadow.verdict.evidence import Evidence, OutputEvidence
from tests.shadow.verdict.made import evidence, output


def test_nothing_was_seen_at_first() -> None:
    assert (Evidence().pairs, Evidence().output("items"), Evidence().dropped) == (0, None, {})


def test_an_output_is_found_by_its_name() -> None:
    made = evidence(2, outputs=(output("items", np.ones(2)), output("scores", np.ones(2))))
    found = made.output("scores")
    assert isinstance(found, OutputEvidence)
    assert found.name == "scores"
    assert made.pairs == 2
