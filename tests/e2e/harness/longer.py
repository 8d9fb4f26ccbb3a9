"""How much longer than usual tests of endurance go on: VERDIGRIS_LONGER=10 makes 100 000 calls of 10 000."""

import os
from typing import Final

LONGER: Final = int(os.environ.get("VERDIGRIS_LONGER", "1"))
TIMEOUT: Final = 120.0 * LONGER
"""Seconds for one such test."""
