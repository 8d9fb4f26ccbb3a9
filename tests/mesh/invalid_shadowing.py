"""Documents that must be refused for what they say of recording, comparing and judging shadows."""

from typing import Final

from tests.mesh.refused import besides

SHADOWING: Final = (
    # what is recorded
    besides("a record that is a percentage", '"record": 50', "record", "must be an object"),
    besides("a record of 101", '"record": {"percent": 101}', "record.percent", "from 0 to 100"),
    besides("a fine-grained record", '"record": {"percent": 0.001}', "record.percent", "0.01"),
    besides("payloads that are true", '"record": {"payloads": true}', "record.payloads", "must be a string"),
    besides(
        "payloads of another kind",
        '"record": {"payloads": "different"}',
        "record.payloads",
        "must be one of all, differing, none; did you mean differing?",
    ),
    besides("a size without a unit", '"record": {"largest": "1024"}', "record.largest", "with its unit"),
    besides("a size that is a number", '"record": {"largest": 1024}', "record.largest", "with its unit"),
    besides("a size in bits", '"record": {"largest": "1Mb"}', "record.largest", "its unit"),
    besides("a size of nothing", '"record": {"largest": "0KiB"}', "record.largest", "from 1B to 4MiB"),
    besides("a size of a part of a byte", '"record": {"largest": "1.5B"}', "record.largest", "whole bytes"),
    besides("a size that no call has", '"record": {"largest": "65MiB"}', "record.largest", "from 1B to"),
    besides(
        "a misspelled field of the record",
        '"record": {"payload": "none"}',
        "record.payload",
        "did you mean payloads?",
    ),
    # how answers are compared
    besides("a comparison in a word", '"compare": "exact"', "compare", "must be an object"),
    besides("outputs as a list", '"compare": {"outputs": ["items"]}', "compare.outputs", "an object"),
    besides(
        "an output in a word",
        '"compare": {"outputs": {"items": "ranking"}}',
        "compare.outputs.items",
        "must be an object",
    ),
    besides("an output without a name", '"compare": {"outputs": {"": {}}}', 'compare.outputs[""]', "no name"),
    besides(
        "an unknown measure",
        '"compare": {"outputs": {"items": {"as": "rankings"}}}',
        "compare.outputs.items.as",
        "did you mean ranking?",
    ),
    besides(
        "a measure of nothing like any",
        '"compare": {"outputs": {"items": {"as": ""}}}',
        "compare.outputs.items.as",
        "must be one of values, class, ranking, set, exact, ignored",
    ),
    besides(
        "a measure by the name it has elsewhere",
        '"compare": {"outputs": {"items": {"measure": "set"}}}',
        "compare.outputs.items.measure",
        "no field of the document (there are: as, rtol, atol, top, overlap)",
    ),
    besides(
        "a misspelled setting of an output",
        '"compare": {"outputs": {"items": {"overlaps": 80}}}',
        "compare.outputs.items.overlaps",
        "did you mean overlap?",
    ),
    besides(
        "a tolerance below 0",
        '"compare": {"outputs": {"scores": {"rtol": -0.1}}}',
        "compare.outputs.scores.rtol",
        "0 or more",
    ),
    besides(
        "a tolerance in words",
        '"compare": {"outputs": {"scores": {"atol": "1e-3"}}}',
        "compare.outputs.scores.atol",
        "not a string",
    ),
    besides(
        "a tolerance without end",
        '"compare": {"outputs": {"scores": {"atol": 1e999}}}',
        "compare.outputs.scores.atol",
        "must be a number",
    ),
    besides(
        "a tolerance that is no number",
        '"compare": {"outputs": {"scores": {"rtol": NaN}}}',
        "compare.outputs.scores.rtol",
        "must be a number",
    ),
    besides(
        "the top none", '"compare": {"outputs": {"a": {"top": 0}}}', "compare.outputs.a.top", "from 1 to"
    ),
    besides(
        "the top half", '"compare": {"outputs": {"a": {"top": 0.5}}}', "compare.outputs.a.top", "a whole"
    ),
    besides(
        "the top true", '"compare": {"outputs": {"a": {"top": true}}}', "compare.outputs.a.top", "not true"
    ),
    besides("the top NaN", '"compare": {"outputs": {"a": {"top": NaN}}}', "compare.outputs.a.top", "a whole"),
    besides(
        "an overlap of more than all",
        '"compare": {"outputs": {"items": {"overlap": 100.01}}}',
        "compare.outputs.items.overlap",
        "from 0 to 100",
    ),
    besides(
        "a tolerance of a set",
        '"compare": {"outputs": {"items": {"as": "set", "rtol": 0.1}}}',
        "compare.outputs.items.rtol",
        "means nothing where an output is compared as set: it is for values, class and ranking",
    ),
    besides(
        "an overlap of values",
        '"compare": {"outputs": {"scores": {"as": "values", "overlap": 80}}}',
        "compare.outputs.scores.overlap",
        "it is for ranking and set",
    ),
    besides(
        "the top of a class",
        '"compare": {"outputs": {"label": {"as": "class", "top": 5}}}',
        "compare.outputs.label.top",
        "it is for ranking",
    ),
    besides(
        "a comparator without a name", '"compare": {"comparator": ""}', "compare.comparator", "no name of"
    ),
    besides(
        "a comparator with a space", '"compare": {"comparator": "my own"}', "compare.comparator", "no name of"
    ),
    # who is ready
    besides("criteria that are null", '"criteria": null', "criteria", "remove it"),
    besides("an agreement as a share", '"criteria": {"agreement": "0.99"}', "criteria.agreement", "0 to 100"),
    besides("errors of more than all", '"criteria": {"errors": 100.5}', "criteria.errors", "from 0 to 100"),
    besides(
        "a score of an output below 0",
        '"criteria": {"scores": {"items": -1}}',
        "criteria.scores.items",
        "from 0 to 100",
    ),
    besides(
        "a score of an output without a name",
        '"criteria": {"scores": {"": 60}}',
        'criteria.scores[""]',
        "name",
    ),
    besides(
        "a score of an output that is ignored",
        '"compare": {"outputs": {"took": {"as": "ignored"}}}, "criteria": {"scores": {"took": 60}}',
        "criteria.scores.took",
        "can never hold: compare.outputs.took.as says that it is ignored",
    ),
    besides("a latency bound of 0", '"criteria": {"p50": 0}', "criteria.p50", "above 0"),
    besides("a latency bound that is null", '"criteria": {"p99": null}', "criteria.p99", 'or "off"'),
    besides("a latency bound in words", '"criteria": {"p99": "2x"}', "criteria.p99", 'or "off"'),
    besides("a latency bound that bounds nothing", '"criteria": {"p99": 1001}', "criteria.p99", "up to 1000"),
    besides("a latency bound without end", '"criteria": {"p99": Infinity}', "criteria.p99", "up to 1000"),
    besides("no pairs at all", '"criteria": {"pairs": 0}', "criteria.pairs", "a whole number from 1"),
    besides("half a pair", '"criteria": {"pairs": 300.5}', "criteria.pairs", "a whole number"),
    besides("pairs without end", '"criteria": {"pairs": 1e9999999}', "criteria.pairs", "a whole number"),
    besides("certainty", '"criteria": {"confidence": 100}', "criteria.confidence", "50 to 99.99"),
    besides("less than a guess", '"criteria": {"confidence": 0.95}', "criteria.confidence", "50 to 99.99"),
    besides(
        "a misspelled criterion",
        '"criteria": {"agrement": 99}',
        "criteria.agrement",
        "did you mean agreement?",
    ),
)
