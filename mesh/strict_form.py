"""A form that a document has to fit, strictly, and what is wrong with one that does not, in our words.

pydantic holds the structure: nothing is converted, no field is unknown, and null is not a way to leave a field out.
Values in a form of their own (percentages, times) have plain validators that raise `ValueError` with the rule.
"""

from difflib import get_close_matches
from typing import Any, Final, cast, get_args

from pydantic import BaseModel, ConfigDict
from pydantic_core import ErrorDetails

from mesh.problem import MISSING, Problem, place, shown


class Form(BaseModel):
    """An object of the document; a field whose name Python reserves has it as its alias."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)


_WORDS: Final = {
    "missing": "is required",
    "string_type": "must be a string",
    "bool_type": "must be true or false, without quotes",
    "list_type": "must be a list: [ … ]",
    "dict_type": "must be an object: { … }",
    "model_type": "must be an object: { … }",
}


def explained(error: ErrorDetails, form: type[Form]) -> Problem:
    """One error of pydantic's, found in a document of this form, for whoever wrote it."""
    location = error["loc"][:-1] if error["loc"][-1] == "[key]" else error["loc"]
    kind = error["type"]
    value = MISSING if kind == "missing" else shown(error["input"])
    if kind == "value_error":
        rule = str(error["ctx"]["error"])
    elif kind == "extra_forbidden":
        rule = "is no field of the document" + _meant(location, form)
    else:
        rule = _WORDS.get(kind, error["msg"])
        rule += ": to leave a field out, remove it" if error["input"] is None else ""
    return Problem(place(location), value, rule)


def _meant(location: tuple[str | int, ...], form: type[Form]) -> str:
    at: Any = form
    for step in location[:-1]:
        at = _fields(at)[str(step)] if isinstance(at, type) and issubclass(at, Form) else get_args(at)[-1]
    names = list(_fields(cast("type[Form]", at)))
    near = get_close_matches(str(location[-1]).lower(), names, n=1)
    return f"; did you mean {near[0]}?" if near else f" (there are: {', '.join(names)})"


def _fields(form: type[Form]) -> dict[str, Any]:
    """What each field holds, by the name that it has in the document."""
    return {field.alias or name: field.annotation for name, field in form.model_fields.items()}
