"""Names of expr-lang's builtin functions, as the parser needs them."""

from __future__ import annotations

# Name -> (number of required arguments, kind of each argument).
PREDICATES: dict[str, tuple[int, tuple[str, ...]]] = {
    **dict.fromkeys(
        ("all", "none", "any", "one", "filter", "map", "find", "findIndex", "findLast", "findLastIndex", "groupBy"),
        (2, ("value", "predicate")),
    ),
    **dict.fromkeys(("count", "sum"), (1, ("value", "predicate"))),
    **dict.fromkeys(("sortBy", "reduce"), (2, ("value", "predicate", "value"))),
}

# Name -> (fewest, most) arguments; None: any number.
BUILTINS: dict[str, tuple[int, int | None]] = {
    **dict.fromkeys(
        (
            "len", "type", "abs", "ceil", "floor", "round", "int", "float", "string", "upper", "lower",
            "toJSON", "fromJSON", "toBase64", "fromBase64", "duration", "timezone", "first", "last",
            "keys", "values", "toPairs", "fromPairs", "reverse", "uniq", "flatten", "bitnot",
        ),
        (1, 1),
    ),
    **dict.fromkeys(("trim", "join", "sort"), (1, 2)),
    **dict.fromkeys(("trimPrefix", "trimSuffix"), (1, 2)),
    **dict.fromkeys(("split", "splitAfter"), (2, 3)),
    "replace": (3, 4),
    **dict.fromkeys(
        (
            "repeat", "indexOf", "lastIndexOf", "hasPrefix", "hasSuffix", "get", "take",
            "bitand", "bitor", "bitxor", "bitnand", "bitshl", "bitshr", "bitushr",
        ),
        (2, 2),
    ),
    **dict.fromkeys(("max", "min", "mean", "median", "concat"), (1, None)),
    "now": (0, 1),
    "date": (1, 3),
}  # fmt: skip
