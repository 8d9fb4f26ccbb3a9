"""A traffic document in a line of plain text, and the other small phrases that logs and commands share. Pure."""

from mesh import contract
from mesh.problem import legible
from mesh.shadowing_words import compared, recorded, required
from mesh.traffic import Mirror, Traffic


def percent(weight: int) -> str:
    """Hundredths of a percent as people write them: `33.33`, `90`, `0.5`."""
    return f"{weight / 100:.2f}".rstrip("0").rstrip(".")


def split(traffic: Traffic) -> str:
    """`blue 90, green 10`."""
    return ", ".join(f"{share.color} {percent(share.weight)}" for share in traffic.split)


def shadow(mirror: Mirror) -> str:
    """`shadow green 25 within 2 s`."""
    return f"{mirror.role} {mirror.color} {percent(mirror.weight)} within {duration(mirror.timeout)}"


def told(traffic: Traffic) -> str:
    """The whole document in one line, without what is default."""
    parts = [split(traffic)]
    if traffic.key:
        parts.append(
            f"key {traffic.key.metadata}" + (f" salt {legible(traffic.key.salt)}" if traffic.key.salt else "")
        )
    if traffic.mirror:
        parts.append(", ".join(map(shadow, traffic.mirror)))
    for name, said in (
        ("record", recorded(traffic.record)),
        ("compare", compared(traffic.compare)),
        ("ready if", required(traffic.criteria)),
    ):
        if said:
            parts.append(f"{name} {said}")
    if traffic.overrides:
        parts.append(f"{len(traffic.overrides)} override{'s' * (len(traffic.overrides) != 1)}")
    if traffic.safe != contract.SAFE_METHODS:
        parts.append(f"safe {legible(', '.join(traffic.safe) or 'none')}")
    if not traffic.fallback:
        parts.append("no fallback")
    if traffic.note:
        parts.append(f"note: {legible(traffic.note.splitlines()[0])}")
    return "; ".join(parts)


def duration(seconds: float) -> str:
    """Times with the unit that suits them: `85 µs`, `3.2 ms`, `2 s`, `5 min`."""
    if seconds < 0.0009995:
        return f"{seconds * 1e6:.0f} µs"
    if seconds < 0.9995:
        return f"{seconds * 1e3:.3g} ms"
    if seconds < 120:
        return f"{seconds:.3g} s"
    if seconds < 7200:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.0f} h" if seconds < 172_800 else f"{seconds / 86_400:.0f} days"


def ago(seconds: float) -> str:
    """`just now`, `12 s ago`."""
    return "just now" if seconds < 1 else f"{duration(round(seconds))} ago"
