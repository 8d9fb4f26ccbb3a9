"""The command `splitter` as it is installed: first of all on an allocator that gives memory back, since whoever starts
anew should not have imported everything before."""

from splitter import memory


def main() -> int:
    """The exit code."""
    memory.returnable()
    from splitter.__main__ import main as command

    return int(command())
