"""Which models this server has, found by each call, and how they come and go while it runs."""

from model_server.repository.control import Open, Repository
from model_server.repository.sources import Sources
from model_server.repository.standing import IndexEntry, State

__all__ = ["IndexEntry", "Open", "Repository", "Sources", "State"]
