"""The vocabulary of the end-to-end tests: a mesh, its backends, its splitter, its traffic document."""

from tests.e2e.harness import foreign, golang, needs
from tests.e2e.harness.mesh import Backend, Mesh, Splitter
from tests.e2e.harness.ports import LOOPBACK, answers, free_port
from tests.e2e.harness.process import CHECKOUT, Process, ProcessFailedError, program
from tests.e2e.harness.route import Route, Site

__all__ = [
    "CHECKOUT",
    "LOOPBACK",
    "Backend",
    "Mesh",
    "Process",
    "ProcessFailedError",
    "Route",
    "Site",
    "Splitter",
    "answers",
    "foreign",
    "free_port",
    "golang",
    "needs",
    "program",
]
