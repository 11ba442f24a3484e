"""Which stored values fit an annotated field, and how they become what it asks for."""

from __future__ import annotations

import sys
import types
import typing
from collections.abc import Callable, Mapping
from typing import Annotated, Any, Literal, NamedTuple, NewType, TypeVar, Union

from .errors import ProgrammingError
from .values import adapt, converter, is_kind

Converter = Callable[[Any], Any]

NULL, INTEGER, FLOAT, TEXT, BLOB = 1, 2, 4, 8, 16
ANY = NULL | INTEGER | FLOAT | TEXT | BLOB
# Only ever beside INTEGER: 0 and 1 are read as bool, others as float or, without AS_FLOAT, not.
AS_BOOL, AS_FLOAT = 32, 64

_PLAIN: dict[Any, int] = {
    type(None): NULL,
    bool: INTEGER | AS_BOOL,
    int: INTEGER,
    float: FLOAT | INTEGER | AS_FLOAT,
    str: TEXT,
    bytes: BLOB,
    Any: ANY,
    object: ANY,
}
# A NUMERIC column keeps the text of a Decimal as a number.
_CONVERTED = {"UUID": TEXT | BLOB, "Decimal": TEXT | INTEGER | FLOAT}
# A column with INTEGER affinity keeps 1.0 as 1.
_STORED = {int: INTEGER, float: FLOAT | INTEGER, str: TEXT, bytes: BLOB, type(None): NULL}
_STORAGES: dict[int, type] = {INTEGER: int, FLOAT: float, TEXT: str, BLOB: bytes}
_NAMES = {INTEGER: "INTEGER", FLOAT: "FLOAT", TEXT: "TEXT", BLOB: "BLOB"}
_WRAPPERS = ("Required", "NotRequired", "ReadOnly", "Final")


class Fit(NamedTuple):
    """Storage types allowed, and the converters of those that need one."""

    mask: int
    converters: dict[int, Converter]

    def converter(self) -> Converter | None:
        """Return one converter for all; it gets everything that is not NULL."""
        if not self.converters:
            return None
        found = {self.converters.get(storage) for storage in _STORAGES if self.mask & storage}
        if len(found) == 1:
            return found.pop()
        by_type = {_STORAGES[storage]: convert for storage, convert in self.converters.items()}

        def convert(value: object) -> Any:
            own = by_type.get(type(value))
            return value if own is None else own(value)

        return convert


def fit(annotation: Any, variables: Mapping[Any, Any], wanted: str) -> Fit:
    """Return what fits; ProgrammingError, with `wanted` in it, where nothing can."""
    annotation = _bare(annotation, variables)
    origin = typing.get_origin(annotation)
    if origin is Union or origin is types.UnionType:
        parts = [fit(part, variables, wanted) for part in typing.get_args(annotation)]
        return _union(parts, wanted)
    if origin is Literal:
        return _one_of({adapt(value): value for value in typing.get_args(annotation)})
    if isinstance(annotation, type):
        kind: Any = annotation
        if kind in _PLAIN:
            return Fit(_PLAIN[kind], {})
        is_enum = is_kind(kind, "enum", "Enum")
        mask = _enum_mask(kind) if is_enum else _CONVERTED.get(kind.__name__, TEXT)
        convert = converter(kind)
        if convert is not None and mask:
            return _uniform(mask, convert)
    raise ProgrammingError(
        f"{wanted} cannot come from a column; declare str and parse it, or use a pydantic model"
    )


def describe(annotation: Any) -> str:
    """Return the annotation as one would write it."""
    if isinstance(annotation, type) and not typing.get_args(annotation):
        kind: type[Any] = annotation
        return kind.__name__
    return str(annotation).replace("typing.", "")


def hints(cls: type[Any]) -> dict[str, Any]:
    """Return the resolved annotations of a class; Any for those whose names are unknown."""
    try:
        return typing.get_type_hints(cls, include_extras=True)
    except Exception:
        return _hints_one_by_one(cls)


def _hints_one_by_one(cls: type[Any]) -> dict[str, Any]:
    import inspect

    found: dict[str, Any] = {}
    for base in reversed(cls.__mro__):
        known = vars(sys.modules.get(base.__module__, types))
        for name, annotation in inspect.get_annotations(base).items():
            holder = types.SimpleNamespace(__annotations__={name: annotation})
            try:
                found |= typing.get_type_hints(holder, known, dict(vars(base)), include_extras=True)
            except Exception:
                found[name] = Any
    return found


def _bare(annotation: Any, variables: Mapping[Any, Any]) -> Any:
    while True:
        origin = typing.get_origin(annotation)
        # By name, as typing_extensions has some of its own.
        if origin is Annotated or str(origin).rpartition(".")[2] in _WRAPPERS:
            annotation = typing.get_args(annotation)[0]
        elif isinstance(annotation, NewType):
            annotation = annotation.__supertype__
        elif type(annotation).__name__ == "TypeAliasType":
            annotation = annotation.__value__
        elif isinstance(annotation, TypeVar):
            actual = variables.get(annotation, Any)
            annotation = Any if isinstance(actual, TypeVar) else actual
        else:
            return annotation


def _union(parts: list[Fit], wanted: str) -> Fit:
    if any(part.mask == ANY for part in parts):
        return Fit(ANY, {})
    mask, converters = 0, dict[int, Converter]()
    for part in parts:
        for storage in _STORAGES:
            both = mask & part.mask & storage
            if both and converters.get(storage) is not part.converters.get(storage):
                raise ProgrammingError(
                    f"{wanted} is ambiguous: {_NAMES[storage]} could become either of two types"
                )
        mask |= part.mask
        converters |= part.converters
    # An int among them takes every INTEGER as it is.
    if any(part.mask & INTEGER and not part.mask & (AS_BOOL | AS_FLOAT) for part in parts):
        mask &= ~(AS_BOOL | AS_FLOAT)
    return Fit(mask, converters)


def _uniform(mask: int, convert: Converter) -> Fit:
    return Fit(mask, {storage: convert for storage in _STORAGES if mask & storage})


def _one_of(choices: dict[Any, Any]) -> Fit:
    mask = 0
    for stored in choices:
        mask |= _STORED[type(stored)]

    def convert(value: Any) -> Any:
        try:
            return choices[value]
        except KeyError:
            raise ValueError(f"{value!r} is none of {', '.join(map(repr, choices))}") from None

    return _uniform(mask, convert)


def _enum_mask(kind: Any) -> int:
    mask = 0
    for member in kind.__members__.values():
        try:
            mask |= _STORED[type(adapt(member.value))]
        except TypeError:
            continue
    # NULL never reaches a converter.
    return mask & ~NULL
