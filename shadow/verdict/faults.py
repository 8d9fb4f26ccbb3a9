"""What is wrong with a shadow, by name and with its figures. Pure.

Faults explain a verdict and do not decide it. Each kind (failures, each deviation of an output, slowness) is named
wrongly of a shadow that is like the primary with the chance that `confidence` leaves, at any time; a fault that
everybody sees may so be named before a criterion is decided.
"""

from mesh.shadowing import Criteria
from shadow.verdict.deviations import deviations
from shadow.verdict.evidence import Evidence
from shadow.verdict.failing import failing
from shadow.verdict.slowness import slowness


def faults_of(evidence: Evidence, noise: Evidence | None, criteria: Criteria) -> tuple[str, ...]:
    """The gravest first."""
    error = 1.0 - criteria.confidence
    return (
        *failing(evidence, error),
        *deviations(evidence, noise, criteria, error),
        *slowness(evidence, error),
    )
