"""The form of the traffic document: its fields, and the rules between them.

`check` reports everything at once. pydantic holds the structure, strictly: nothing is converted, no field is
unknown, and null is not a way to leave a field out. The words are ours, for whoever edits the key.
"""

from collections.abc import Iterator
from decimal import Decimal
from difflib import get_close_matches
from typing import Annotated, Any, Final

from pydantic import AfterValidator, BaseModel, ConfigDict, PlainValidator, ValidationError
from pydantic_core import ErrorDetails

from mesh import contract
from mesh import traffic_rules as rules
from mesh.problem import MISSING, Problem, legible, place, shown

Weight = Annotated[int, PlainValidator(rules.weight)]
Color = Annotated[str, AfterValidator(rules.color)]
MetadataName = Annotated[str, AfterValidator(rules.metadata_name)]
MetadataValue = Annotated[str, AfterValidator(rules.metadata_value)]


class _Form(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)


class KeyForm(_Form):
    metadata: MetadataName
    salt: Annotated[str, AfterValidator(rules.salt)] = ""


class MirrorForm(_Form):
    color: Color
    percent: Weight
    timeout: Annotated[float, PlainValidator(rules.timeout)] = rules.DEFAULT_TIMEOUT


class OverrideForm(_Form):
    metadata: Annotated[dict[MetadataName, MetadataValue], AfterValidator(rules.some_metadata)]
    color: Color


class MethodsForm(_Form):
    safe: list[Annotated[str, AfterValidator(rules.method)]] = list(contract.SAFE_METHODS)


class TrafficForm(_Form):
    """The document; what it means is told in `mesh.traffic`."""

    split: Annotated[dict[Color, Weight], AfterValidator(rules.some)]
    key: KeyForm = None  # type: ignore[assignment]  # left out, not null
    mirror: list[MirrorForm] = []
    overrides: list[OverrideForm] = []
    methods: MethodsForm = MethodsForm()
    fallback: bool = True
    note: Annotated[str, AfterValidator(rules.note)] = ""


def check(tree: dict[str, Any]) -> tuple[TrafficForm | None, list[Problem]]:
    """The document in its form, or None and why not."""
    between = [*_sum(tree), *_repeated_mirrors(tree), *_repeated_overrides(tree)]
    try:
        return TrafficForm.model_validate(tree), between
    except ValidationError as error:
        return None, [_problem(each, tree) for each in error.errors(include_url=False)] + between


def _sum(tree: dict[str, Any]) -> Iterator[Problem]:
    split = tree.get("split")
    if isinstance(split, dict) and split:
        try:
            total = sum(map(rules.weight, split.values()))
        except ValueError:
            return
        if total != rules.GRAIN:
            found = legible(f"{' + '.join(map(str, split.values()))} = {Decimal(total).scaleb(-2)}")
            yield Problem("split", found, "must add up to exactly 100")


def _repeated_mirrors(tree: dict[str, Any]) -> Iterator[Problem]:
    seen: dict[str, int] = {}
    for number, each in _objects(tree.get("mirror")):
        color = each.get("color")
        if isinstance(color, str) and seen.setdefault(color, number) != number:
            rule = f"is mirrored already by mirror[{seen[color]}]: a colour is mirrored at most once"
            yield Problem(place(("mirror", number, "color")), shown(color), rule)


def _repeated_overrides(tree: dict[str, Any]) -> Iterator[Problem]:
    seen: dict[str, int] = {}
    for number, each in _objects(tree.get("overrides")):
        metadata = each.get("metadata")
        if isinstance(metadata, dict) and metadata:
            same = repr(sorted(map(repr, metadata.items())))
            if seen.setdefault(same, number) != number:
                rule = (
                    f"is the same as in overrides[{seen[same]}], which comes first: this one can never match"
                )
                yield Problem(place(("overrides", number, "metadata")), shown(metadata), rule)


def _objects(value: object) -> Iterator[tuple[int, dict[str, Any]]]:
    if isinstance(value, list):
        yield from ((number, each) for number, each in enumerate(value) if isinstance(each, dict))


_WORDS: Final = {
    "missing": "is required",
    "string_type": "must be a string",
    "bool_type": "must be true or false, without quotes",
    "list_type": "must be a list: [ … ]",
    "dict_type": "must be an object: { … }",
    "model_type": "must be an object: { … }",
}


def _problem(error: ErrorDetails, tree: dict[str, Any]) -> Problem:
    location = error["loc"][:-1] if error["loc"][-1] == "[key]" else error["loc"]
    kind = error["type"]
    value = MISSING if kind == "missing" else shown(error["input"])
    if kind == "value_error":
        rule = str(error["ctx"]["error"])
    elif kind == "extra_forbidden":
        rule = "is no field of the document" + _meant(location, tree)
    else:
        rule = _WORDS.get(kind, error["msg"])
        rule += ": to leave a field out, remove it" if error["input"] is None else ""
    return Problem(place(location), value, rule)


_FORMS: Final[dict[str, type[_Form]]] = {
    "key": KeyForm,
    "mirror": MirrorForm,
    "overrides": OverrideForm,
    "methods": MethodsForm,
}


def _meant(location: tuple[str | int, ...], tree: dict[str, Any]) -> str:
    form = TrafficForm if len(location) == 1 else _FORMS[str(location[0])]
    near = get_close_matches(str(location[-1]).lower(), form.model_fields, n=1)
    return f"; did you mean {near[0]}?" if near else f" (there are: {', '.join(form.model_fields)})"
