"""The form of the traffic document: its fields, and the rules between them.

`check` reports everything at once. The words are ours, for whoever edits the key. What it says of recording,
comparing and judging shadows has its forms in `mesh.shadowing_form`.
"""

from collections.abc import Iterator
from decimal import Decimal
from typing import Annotated, Any, Final

from pydantic import AfterValidator, Field, PlainValidator, ValidationError

from mesh import contract, shadowing_form
from mesh import traffic_rules as rules
from mesh.problem import Problem, legible, place, shown
from mesh.shadowing_form import CompareForm, CriteriaForm, RecordForm
from mesh.strict_form import Form, explained

Weight = Annotated[int, PlainValidator(rules.weight)]
Color = Annotated[str, AfterValidator(rules.color)]
MetadataName = Annotated[str, AfterValidator(rules.metadata_name)]
MetadataValue = Annotated[str, AfterValidator(rules.metadata_value)]

ROLES: Final = (contract.ROLE_SHADOW, contract.ROLE_NOISE)
"""What a mirror can be."""


class KeyForm(Form):
    metadata: MetadataName
    salt: Annotated[str, AfterValidator(rules.salt)] = ""


class MirrorForm(Form):
    color: Color
    percent: Weight
    role: Annotated[str, AfterValidator(rules.one_of(*ROLES)), Field(alias="as")] = contract.ROLE_SHADOW
    timeout: Annotated[float, PlainValidator(rules.timeout)] = rules.DEFAULT_TIMEOUT


class OverrideForm(Form):
    metadata: Annotated[dict[MetadataName, MetadataValue], AfterValidator(rules.some_metadata)]
    color: Color


class MethodsForm(Form):
    safe: list[Annotated[str, AfterValidator(rules.method)]] = Field(
        default_factory=lambda: list(contract.SAFE_METHODS)
    )


class TrafficForm(Form):
    """The document; what it means is told in `mesh.traffic`."""

    split: Annotated[dict[Color, Weight], AfterValidator(rules.some)]
    key: KeyForm = None  # type: ignore[assignment]  # left out, not null
    mirror: list[MirrorForm] = Field(default_factory=list)
    record: RecordForm = RecordForm()
    compare: CompareForm = CompareForm()
    criteria: CriteriaForm = CriteriaForm()
    overrides: list[OverrideForm] = Field(default_factory=list)
    methods: MethodsForm = MethodsForm()
    fallback: bool = True
    note: Annotated[str, AfterValidator(rules.note)] = ""


def check(tree: dict[str, Any]) -> tuple[TrafficForm | None, list[Problem]]:
    """The document in its form, or None and why not."""
    between = [
        *_sum(tree),
        *_repeated_mirrors(tree),
        *shadowing_form.between(tree),
        *_repeated_overrides(tree),
    ]
    try:
        return TrafficForm.model_validate(tree), between
    except ValidationError as error:
        return None, [explained(each, TrafficForm) for each in error.errors(include_url=False)] + between


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
    seen: dict[tuple[str, str], int] = {}
    for number, each in _objects(tree.get("mirror")):
        color, role = each.get("color"), each.get("as", contract.ROLE_SHADOW)
        if (
            isinstance(color, str)
            and isinstance(role, str)
            and seen.setdefault((color, role), number) != number
        ):
            before = f"mirror[{seen[color, role]}]"
            rule = f"is mirrored already by {before}: a colour is mirrored at most once" + (
                " as noise" if role == contract.ROLE_NOISE else ""
            )
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
