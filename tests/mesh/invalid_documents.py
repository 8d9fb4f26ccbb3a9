"""Documents that must be refused: each with the path and a piece of the rule an operator has to be shown.

Unit tests hold `mesh.traffic` to it; an end-to-end test writes each into a real key and sees traffic unmoved.
"""

from typing import Final

from tests.mesh.invalid_shadowing import SHADOWING
from tests.mesh.refused import Refused, besides, document, split

INVALID: Final = (
    # the bytes
    Refused("no bytes at all", b"", "document", "is empty"),
    Refused("white space only", b" \n\t\n", "document", "is empty"),
    Refused("a byte-order mark only", b"\xef\xbb\xbf", "document", "is empty"),
    Refused("a lone continuation byte", b'{"split": {"blue\xbf": 100}}', "document", "not UTF-8 at byte 16"),
    Refused(
        "UTF-16, as some editors save", '{"split": {"blue": 100}}'.encode("utf-16"), "document", "not UTF-8"
    ),
    Refused(
        "larger than any document",
        b'{"split": {"blue": 100}}' + b" " * 65536,
        "document",
        "larger than 65536",
    ),
    # the spelling
    document("a trailing comma", '{"split": {"blue": 100},}', "document", "not JSON at line 1 column 25"),
    document("cut in the middle", '{"split": {"blue": 90,\n "gre', "document", "not JSON at line 2"),
    document("a missing comma", '{\n"split": {"blue": 100}\n"note": "x"\n}', "document", "line 3 column 1"),
    document("single quotes", "{'split': {'blue': 100}}", "document", "not JSON"),
    document("YAML", "split:\n  blue: 100\n", "document", "not JSON"),
    document("a comment", '{"split": {"blue": 100}} // all', "document", "not JSON"),
    document("two documents", '{"split": {"blue": 100}}{}', "document", "not JSON"),
    document("a list", '[{"split": {"blue": 100}}]', "document", "must be a JSON object"),
    document("a number", "90", "document", "must be a JSON object"),
    document("null", "null", "document", "must be a JSON object"),
    split("a colour twice", '{"blue": 50, "green": 50, "blue": 50}', "split.blue", "more than once"),
    document("a field twice", '{"split": {"green": 100}, "split": {"blue": 100}}', "split", "more than once"),
    besides("a nested name twice", '"key": {"metadata": "a", "metadata": "b"}', "key.metadata", "more than"),
    besides(
        "a name in a list twice",
        '"mirror": [{"color": "a", "color": "b", "percent": 1}]',
        "mirror[0].color",
        "more than once",
    ),
    besides("nested without end", '"note": ' + "[" * 500 + "]" * 500, "document", "nested deeper"),
    document("nested beyond the reader", "[" * 30_000, "document", "nested deeper"),
    besides("half a character", '"note": "\\ud83d"', "note", "half a character"),
    # the split
    document("an empty object", "{}", "split", "is required"),
    document("no split", '{"note": "hello"}', "split", "is required"),
    split("a split of nobody", "{}", "split", "at least one colour"),
    split("a split that is null", "null", "split", "must be an object"),
    split("a split that is a list", '["blue", 100]', "split", "must be an object"),
    split("a sum of 99.99", '{"blue": 90, "green": 9.99}', "split", "exactly 100"),
    split("a sum of 100.01", '{"blue": 90, "green": 10.01}', "split", "exactly 100"),
    split("a sum of 100 by rounding only", '{"a": 33.33, "b": 33.33, "c": 33.33}', "split", "exactly 100"),
    split("a sum of 0", '{"blue": 0, "green": 0}', "split", "exactly 100"),
    split("a share of nothing", '{"blue": 100, "green": null}', "split.green", "from 0 to 100"),
    split("a grain of 0.005", '{"blue": 89.995, "green": 10.005}', "split.green", "0.01"),
    split(
        "a grain below every digit",
        '{"blue": 33.33000000000000000000000000000000001, "green": 66.67}',
        "split.blue",
        "0.01",
    ),
    split("a negative share", '{"blue": 110, "green": -10}', "split.green", "from 0 to 100"),
    split("more than all", '{"blue": 100.01}', "split.blue", "from 0 to 100"),
    split("a share in words", '{"blue": "100"}', "split.blue", "not a string"),
    split("a share with its sign", '{"blue": "100%"}', "split.blue", "not a string"),
    split("a share that is true", '{"blue": 99, "green": true}', "split.green", "not true or false"),
    split("a share that is false", '{"blue": 100, "green": false}', "split.green", "not true or false"),
    split("NaN", '{"blue": NaN}', "split.blue", "from 0 to 100"),
    split("Infinity", '{"blue": Infinity}', "split.blue", "from 0 to 100"),
    split("an endless exponent", '{"blue": 1e999999999999999999999}', "split.blue", "from 0 to 100"),
    split("a huge exponent", '{"blue": 1e99999999}', "split.blue", "from 0 to 100"),
    split("a number of 5000 digits", '{"blue": ' + "1" * 5000 + "}", "split.blue", "from 0 to 100"),
    split("a share that is an object", '{"blue": {"weight": 100}}', "split.blue", "from 0 to 100"),
    split("a colour in capitals", '{"Blue": 100}', "split.Blue", "no colour"),
    split("a colour with a space", '{"dark blue": 100}', 'split["dark blue"]', "no colour"),
    split("a colour without a name", '{"": 100}', 'split[""]', "no colour"),
    split("a colour that starts with a digit", '{"9blue": 100}', "split.9blue", "no colour"),
    split("a colour of 33 letters", '{"' + "a" * 33 + '": 100}', f"split.{'a' * 33}", "no colour"),
    split("a colour that ends a line", '{"blue\\n": 100}', 'split["blue\\n"]', "no colour"),
    split("the tag of all servers as a colour", '{"verdigris": 100}', "split.verdigris", "every server"),
    # the key
    besides("a key that is null", '"key": null', "key", "remove it"),
    besides("a key that is a name", '"key": "x-user-id"', "key", "must be an object"),
    besides("a key without metadata", '"key": {"salt": "a"}', "key.metadata", "is required"),
    besides("a key in capitals", '"key": {"metadata": "X-User-Id"}', "key.metadata", "lower-case"),
    besides("a key that is empty", '"key": {"metadata": ""}', "key.metadata", "metadata name"),
    besides("a pseudo header", '"key": {"metadata": ":path"}', "key.metadata", "pseudo header"),
    besides("a reserved name", '"key": {"metadata": "grpc-timeout"}', "key.metadata", "reserved by gRPC"),
    besides("a binary key", '"key": {"metadata": "user-bin"}', "key.metadata", "several spellings"),
    besides("a salt that is a number", '"key": {"metadata": "a", "salt": 3}', "key.salt", "a string"),
    besides(
        "an endless salt", '"key": {"metadata": "a", "salt": "' + "s" * 129 + '"}', "key.salt", "at most 128"
    ),
    # the mirror
    besides("a mirror that is one object", '"mirror": {"color": "green", "percent": 5}', "mirror", "a list"),
    besides(
        "a mirror without its percentage",
        '"mirror": [{"color": "green"}]',
        "mirror[0].percent",
        "is required",
    ),
    besides("a mirror without its colour", '"mirror": [{"percent": 5}]', "mirror[0].color", "is required"),
    besides(
        "a mirror of 101",
        '"mirror": [{"color": "green", "percent": 101}]',
        "mirror[0].percent",
        "from 0 to 100",
    ),
    besides(
        "a fine-grained mirror",
        '"mirror": [{"color": "green", "percent": 0.001}]',
        "mirror[0].percent",
        "0.01",
    ),
    besides(
        "one colour mirrored twice",
        '"mirror": [{"color": "green", "percent": 5}, {"color": "green", "percent": 6}]',
        "mirror[1].color",
        "at most once",
    ),
    besides(
        "a timeout without a unit",
        '"mirror": [{"color": "green", "percent": 5, "timeout": "2"}]',
        "mirror[0].timeout",
        "with its unit",
    ),
    besides(
        "a timeout that is a number",
        '"mirror": [{"color": "green", "percent": 5, "timeout": 2}]',
        "mirror[0].timeout",
        "with its unit",
    ),
    besides(
        "a timeout of nothing",
        '"mirror": [{"color": "green", "percent": 5, "timeout": "0s"}]',
        "mirror[0].timeout",
        "from 1ms to 10m",
    ),
    besides(
        "a timeout of hours",
        '"mirror": [{"color": "green", "percent": 5, "timeout": "11m"}]',
        "mirror[0].timeout",
        "from 1ms to 10m",
    ),
    besides(
        "noise mirrored twice",
        '"mirror": [{"color": "blue", "percent": 5, "as": "noise"}, {"color": "green", "percent": 5},'
        ' {"color": "blue", "percent": 6, "as": "noise"}]',
        "mirror[2].color",
        "mirror[0]: a colour is mirrored at most once as noise",
    ),
    besides(
        "one colour mirrored twice, once in words",
        '"mirror": [{"color": "green", "percent": 5, "as": "shadow"}, {"color": "green", "percent": 6}]',
        "mirror[1].color",
        "at most once",
    ),
    besides(
        "a role that is misspelled",
        '"mirror": [{"color": "green", "percent": 5, "as": "nosie"}]',
        "mirror[0].as",
        "must be one of shadow, noise; did you mean noise?",
    ),
    besides(
        "a role by the name it has elsewhere",
        '"mirror": [{"color": "green", "percent": 5, "role": "noise"}]',
        "mirror[0].role",
        "no field of the document (there are: color, percent, as, timeout)",
    ),
    besides(
        "a role that is null",
        '"mirror": [{"color": "green", "percent": 5, "as": null}]',
        "mirror[0].as",
        "remove it",
    ),
    *SHADOWING,
    # the overrides
    besides(
        "an override that matches all",
        '"overrides": [{"metadata": {}, "color": "green"}]',
        "overrides[0].metadata",
        "every call",
    ),
    besides(
        "an override without a colour",
        '"overrides": [{"metadata": {"a": "b"}}]',
        "overrides[0].color",
        "is required",
    ),
    besides(
        "an override of a number",
        '"overrides": [{"metadata": {"a": "b"}, "color": "green"},'
        ' {"metadata": {"x-user-id": 7}, "color": "green"}]',
        "overrides[1].metadata.x-user-id",
        "a string",
    ),
    besides(
        "an override in capitals",
        '"overrides": [{"metadata": {"X-A": "b"}, "color": "green"}]',
        "overrides[0].metadata.X-A",
        "lower-case",
    ),
    besides(
        "an override of a value no client can send",
        '"overrides": [{"metadata": {"a": "grün"}, "color": "green"}]',
        "overrides[0].metadata.a",
        "printable ASCII",
    ),
    besides(
        "an override that never comes to its turn",
        '"overrides": [{"metadata": {"a": "b", "c": "d"}, "color": "green"},'
        ' {"metadata": {"c": "d", "a": "b"}, "color": "blue"}]',
        "overrides[1].metadata",
        "never match",
    ),
    # the rest
    besides("a method without its slash", '"methods": {"safe": ["a.B/C"]}', "methods.safe[0]", "/package"),
    besides("all methods of all services", '"methods": {"safe": ["*"]}', "methods.safe[0]", "/package"),
    besides("a service without a method", '"methods": {"safe": ["/a.B"]}', "methods.safe[0]", "/package"),
    besides("safe methods as one string", '"methods": {"safe": "/a.B/*"}', "methods.safe", "a list"),
    besides("a fallback in words", '"fallback": "yes"', "fallback", "true or false"),
    besides("a fallback that is 1", '"fallback": 1', "fallback", "true or false"),
    besides("a note that is a number", '"note": 7', "note", "a string"),
    besides("an endless note", '"note": "' + "n" * 501 + '"', "note", "at most 500"),
    besides("a note that a terminal would obey", '"note": "\\u001b[2J"', "note", "control characters"),
    besides("an unknown field", '"weights": {}', "weights", "no field of the document"),
    besides("a misspelled field", '"mirorr": []', "mirorr", "did you mean mirror?"),
    document("a field in capitals", '{"Split": {"blue": 100}}', "Split", "did you mean split?"),
    besides(
        "an unknown field deep inside",
        '"mirror": [{"color": "green", "percent": 5, "timeuot": "2s"}]',
        "mirror[0].timeuot",
        "did you mean timeout?",
    ),
)
