"""Tables as Markdown, for the pages under docs/ that the commands write."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from benchmarks import report
from benchmarks.environment import Environment
from benchmarks.figures import Figures
from benchmarks.promises import Verdict
from benchmarks.scenario import Scenario


def table(headings: Sequence[str], rows: Sequence[Sequence[str]], *, left: int = 1) -> str:
    """The first `left` columns are words, the others numbers."""
    rule = [":--" if i < left else "--:" for i in range(len(headings))]
    lines = [headings, rule, *([cell.replace("|", "\\|") for cell in row] for row in rows)]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def page(title: str, where: Environment, command: str, *parts: str) -> str:
    """A page that says where its figures were taken, and how to take them again."""
    note = f"Written by `{command}`, not by hand. Taken on {where}."
    return "\n".join([f"# {title}\n", f"{note}\n", *parts])


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def matrix(
    figures: Figures,
    scenarios: Sequence[Scenario],
    judged: Sequence[Verdict],
    where: Environment,
    versions: Mapping[str, str],
    left_out: Mapping[str, str],
) -> str:
    """The page of `python -m benchmarks`."""
    parts = [report.versions(versions) + "\n"]
    if judged:
        rows = [
            [str(each.promise), f"{each.ratio:.2f}", "kept" if each.kept else "broken"] for each in judged
        ]
        parts += ["## Promises\n", table(("promise", "measured", ""), rows)]
    for scenario in scenarios:
        found = report.rows(figures, scenario)
        if found:
            parts += [f"## {scenario.name}\n"]
            parts += [table(["peer", *report.headings(scenario)], [[peer, *cells] for peer, cells in found])]
    if left_out:
        reasons = (f"- {name}: {reason.splitlines()[0]}" for name, reason in left_out.items())
        parts += ["## Left out\n", "\n".join(reasons) + "\n"]
    return page("Peers side by side", where, "python -m benchmarks --markdown", *parts)
