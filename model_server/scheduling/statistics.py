"""What was counted of one model, as values: Triton's statistics (InferStatistics of its extension)."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Duration:
    """How many there were, and how long they took together."""

    count: int = 0
    ns: int = 0


@dataclass(frozen=True, slots=True)
class BatchStatistics:
    """The runs of one size."""

    size: int
    compute_input: Duration
    compute_infer: Duration
    compute_output: Duration


@dataclass(frozen=True, slots=True)
class Statistics:
    """What became of the calls of one model since it was loaded."""

    success: Duration = Duration()  # frozen
    """Calls that were answered, from their arrival on."""
    fail: Duration = Duration()
    """Calls that were not: wrong, refused, cancelled, too late, failed by the model."""
    queue: Duration = Duration()
    """This and the next three count the answered calls; a joined run's time counts for each of its calls."""
    compute_input: Duration = Duration()
    compute_infer: Duration = Duration()
    compute_output: Duration = Duration()
    inference_count: int = 0
    """Rows, of models with batching; else calls."""
    execution_count: int = 0
    """Runs of the model that succeeded."""
    last_inference: int = 0
    """Milliseconds since the epoch; 0: never."""
    batches: tuple[BatchStatistics, ...] = ()
    """By size, the smallest first."""
