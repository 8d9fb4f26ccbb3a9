"""What becomes of a shadow, as metrics and the recorder have it (`shadow.pair.Outcome` is the recorder's own)."""

from typing import Final

COMPLETED: Final = "completed"
"""It has answered. Of its pair this is COMPARED, or DROPPED with a reason."""
FAILED: Final = "failed"
TIMED_OUT: Final = "timed_out"
DROPPED: Final = "dropped"
COMPARED: Final = "compared"
