"""The report as one HTML page that needs nothing else: no script, no request, light or dark as its reader likes.

Everything in it that a model, a client or a document chose is text: the template escapes it, and the page's own
Content-Security-Policy forbids scripts and requests should anything ever slip through.
"""

from collections.abc import Sequence
from typing import Final

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from mesh.version import version
from shadow.report import words
from shadow.report.gauge import gauge
from shadow.report.hues import hues
from shadow.report.plots import plots
from shadow.report.report import Report, overall
from shadow.report.sides import lines

TEMPLATE: Final = "page.html.j2"


def page(reports: Sequence[Report], *, command: str = "") -> str:
    """The whole page; `command` is how it was asked for."""
    environment = Environment(
        loader=PackageLoader("shadow.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"number": words.number, "share": words.share, "when": words.when}
    environment.globals |= {
        "words": words,
        "gauge": gauge,
        "lines": lines,
        "hues": hues,
        "plots": lambda report: [Markup(each) for each in plots(report)],
    }
    template = environment.get_template(TEMPLATE)
    return template.render(
        reports=tuple(reports), state=overall(tuple(reports)), command=command, version=version()
    )
