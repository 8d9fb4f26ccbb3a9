"""Which Verdigris this is."""

from importlib.metadata import PackageNotFoundError
from importlib.metadata import version as installed


def version() -> str:
    """The installed distribution's version; a source tree that is not installed has none, which is "0"."""
    try:
        return installed("verdigris")
    except PackageNotFoundError:
        return "0"
