"""Read apt's source lists, to learn which Debian mirror this machine already uses.

Pure: text in, values out. Both formats of sources.list(5): one line per source, and deb822 stanzas.
Options (``signed-by``, ``trusted``, ``arch`` …) are left out on purpose: whoever uses a mirror found here
says for themselves which key they trust.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

DEBIAN_SUITES = frozenset(
    {"oldoldstable", "oldstable", "stable", "testing", "unstable", "sid"}
    | {"buster", "bullseye", "bookworm", "trixie", "forky", "duke"}
)
"""Main archives only: suites such as bookworm-security lie on a mirror of their own."""
OFF = frozenset({"no", "false", "without", "off", "disable", "0"})
"""What apt itself reads as false."""
ONE_LINE = re.compile(r"\s*deb\s+(?:\[[^]]*\]\s+)?(?P<uri>\S+)\s+(?P<rest>[^#]*)")
FIELD = re.compile(r"(?P<name>[!-9;-~]+):\s*(?P<value>.*)")


@dataclass(frozen=True, slots=True)
class Source:
    """Binary packages at one address: the suites and components that are read there."""

    uri: str
    suites: tuple[str, ...]
    components: tuple[str, ...]


def parse_one_line(text: str) -> Iterator[Source]:
    """``deb [options] uri suite component …`` per line; any other line is passed over."""
    for line in text.splitlines():
        if found := ONE_LINE.match(line):
            suite, *components = found["rest"].split() or [""]
            if suite:
                yield Source(found["uri"], (suite,), tuple(components))


def parse_deb822(text: str) -> Iterator[Source]:
    """Stanzas of ``Field: value`` with continuation lines; disabled or source-only ones are left out."""
    for stanza in _stanzas(text):
        if "deb" not in stanza.get("types", "").split() or stanza.get("enabled", "").strip().lower() in OFF:
            continue
        suites = tuple(stanza.get("suites", "").split())
        for uri in stanza.get("uris", "").split():
            yield Source(uri, suites, tuple(stanza.get("components", "").split()))


def _stanzas(text: str) -> Iterator[dict[str, str]]:
    fields: dict[str, str] = {}
    name = ""
    for line in [*text.splitlines(), ""]:
        if line.startswith("#"):
            continue
        if not line.strip():
            if fields:
                yield fields
            fields, name = {}, ""
        elif line[0] in " \t":
            if name:
                fields[name] += "\n" + line.strip()
        elif found := FIELD.match(line):
            name = found["name"].lower()
            fields[name] = found["value"]


def read(etc: Path = Path("/etc/apt")) -> tuple[Source, ...]:
    """Every enabled source of this machine, in apt's own order of files; unreadable files are passed over."""
    files = [etc / "sources.list", *sorted((etc / "sources.list.d").glob("*"))]
    sources: list[Source] = []
    for file in files:
        parse = {".list": parse_one_line, ".sources": parse_deb822}.get(file.suffix)
        if parse is None:
            continue
        try:
            sources.extend(parse(file.read_text(encoding="utf-8", errors="replace")))
        except OSError:
            continue
    return tuple(sources)


def debian_mirrors(sources: Iterable[Source]) -> tuple[str, ...]:
    """Addresses that carry Debian's main archive, each once, those that call themselves debian first.

    The sort matters where a third party names its suites after Debian's releases, as many do.
    """
    found = dict.fromkeys(
        source.uri
        for source in sources
        if DEBIAN_SUITES.intersection(source.suites)
        and "main" in source.components
        and not source.uri.startswith("cdrom:")
    )
    return tuple(sorted(found, key=lambda uri: "debian" not in uri.rstrip("/").rsplit("/", 1)[-1]))
