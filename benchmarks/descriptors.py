"""File descriptors: thousands of connections need more than a shell allows its programs by default."""

import resource


def raise_limit() -> int:
    """Allow this process, and what it starts from now on, as many as the system lets it; that number."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    return most
