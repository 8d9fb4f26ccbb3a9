"""Time that passes when the test says so."""

from mesh.http2.caretaker import Caretaker


class StoppedClock:
    """Seconds, as `time.monotonic` counts them."""

    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


class Days:
    """A caretaker, and the time it lives in."""

    def __init__(self) -> None:
        self.clock = StoppedClock()
        self.caretaker = Caretaker(clock=self.clock)

    def pass_by(self, seconds: float) -> None:
        """Second by second, the caretaker at work."""
        for _ in range(round(seconds)):
            self.clock.now += 1
            self.caretaker.sweep()
