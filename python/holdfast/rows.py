"""Rows into dicts, dataclasses, NamedTuples, TypedDicts, pydantic and msgspec; and back."""

from __future__ import annotations

import sys
import typing
from collections.abc import Callable, Mapping
from functools import lru_cache, partial
from types import FunctionType
from typing import Annotated, Any, Literal, NamedTuple, NotRequired, Required, cast

from .annotations import ANY, Converter, describe, fit, hints
from .errors import DataError, ProgrammingError
from .values import is_kind


class Plan(NamedTuple):
    """How to build one row: a dict by column name, or `make(*values, **keywords)`.

    Where that call would come to nothing else, "init" is `make.__init__` of a new object, and
    "tuple" is `tuple.__new__(make, values)`.
    """

    kind: Literal["dict", "call", "init", "tuple"]
    make: Callable[..., Any] | None
    #: The column for each argument, positional ones first; None where they come in order.
    order: tuple[int, ...] | None
    #: The names of the last arguments.
    keywords: tuple[str, ...]
    #: Per column: storage types allowed, converter of what is not NULL, what is wanted.
    columns: tuple[tuple[int, Converter | None, str], ...]


class _Field(NamedTuple):
    name: str
    annotation: Any
    required: bool
    positional: bool


class _Validator(NamedTuple):
    build: Callable[[dict[str, Any]], Any]
    invalid: type[Exception]
    aliases: dict[str, str]


def plan(into: type[Any], columns: tuple[str, ...]) -> Plan:
    """Plan how rows with these columns become `into`; ProgrammingError where they cannot.

    `plan(Person, ("name", "age"))`.
    """
    found = _plan(into, columns)
    if found.kind in ("init", "tuple"):
        # Its methods may have been replaced since.
        return found._replace(kind=_kind(found.make, found.kind == "tuple"))
    return found


@lru_cache(maxsize=512)
def _plan(into: type[Any], columns: tuple[str, ...]) -> Plan:
    if len(set(columns)) < len(columns):
        twice = next(name for name in columns if columns.count(name) > 1)
        raise ProgrammingError(f"two columns are named {twice!r}; name them apart with 'as'")
    cls: Any = typing.get_origin(into) or into
    if not isinstance(cls, type):
        raise _no_target(into)
    kind: type[Any] = cls
    if kind is dict:
        return Plan("dict", None, None, (), tuple((ANY, None, name) for name in columns))
    if is_kind(kind, "pydantic", "BaseModel"):
        return _validated(into, columns, _pydantic(into))
    if is_kind(kind, "msgspec", "Struct"):
        return _validated(into, columns, _msgspec(into, kind))
    if hasattr(kind, "__dataclass_fields__"):
        fields = _dataclass_fields(kind)
    elif is_kind(kind, "builtins", "tuple") and hasattr(kind, "_fields"):
        fields = _tuple_fields(kind)
    elif is_kind(kind, "builtins", "dict") and hasattr(kind, "__required_keys__"):
        fields = _dict_fields(kind)
    else:
        raise _no_target(into)
    variables = dict(zip(getattr(kind, "__parameters__", ()), typing.get_args(into), strict=False))
    return _planned(kind, fields, columns, variables)


def fields_of(row: object) -> dict[str, Any]:
    """Return the columns and values of a row to write; ProgrammingError for other types.

    Takes what `plan` builds, and any mapping; goes one level deep. An exact dict is not copied.
    """
    fields = cast("dict[Any, Any]", row) if type(row) is dict else _reader(type(row))(row)
    for name in fields:
        if not isinstance(name, str):
            raise ProgrammingError(f"column names are str, not {type(name).__name__}: {name!r}")
    return fields


@lru_cache(maxsize=512)
def _reader(kind: Any) -> Callable[[Any], dict[Any, Any]]:
    if issubclass(kind, Mapping):
        return dict
    if is_kind(kind, "pydantic", "BaseModel"):
        names = tuple(kind.model_fields)
        return lambda row: {name: getattr(row, name) for name in names} | (row.model_extra or {})
    if is_kind(kind, "msgspec", "Struct"):
        names = kind.__struct_fields__
    elif hasattr(kind, "__dataclass_fields__"):
        names = tuple(field.name for field in _dataclasses().fields(kind))
    elif is_kind(kind, "builtins", "tuple") and hasattr(kind, "_fields"):
        return kind._asdict
    else:
        raise ProgrammingError(
            f"a row to write cannot be of type {kind.__name__}; use a mapping, a dataclass, "
            "a NamedTuple, a pydantic model or a msgspec.Struct"
        )
    return lambda row: {name: getattr(row, name) for name in names}


def _planned(
    cls: type[Any], fields: list[_Field], columns: tuple[str, ...], variables: dict[Any, Any]
) -> Plan:
    by_name = {field.name: field for field in fields}
    for name in columns:
        if name not in by_name:
            raise ProgrammingError(
                f"{cls.__name__} has no field for column {name!r}; its fields: "
                f"{', '.join(by_name)}; rename the column with 'as' or leave it out"
            )
    for field in fields:
        if field.required and field.name not in columns:
            raise ProgrammingError(
                f"{cls.__name__}.{field.name} needs a column; the columns: {', '.join(columns)}"
            )
    checks = tuple(_check(cls, by_name[name], variables) for name in columns)
    if issubclass(cls, dict):
        return Plan("dict", None, None, (), checks)
    arguments = [field for field in fields if field.name in columns]
    positional = 0
    # A field left to its default ends the positional arguments.
    for field in fields:
        if not field.positional or field.name not in columns:
            break
        positional += 1
    order = tuple(columns.index(field.name) for field in arguments)
    keywords = tuple(field.name for field in arguments[positional:])
    in_order = order == tuple(range(len(order)))
    kind = _kind(cls, len(arguments) == len(fields))
    return Plan(kind, cls, None if in_order else order, keywords, checks)


def _kind(cls: Any, complete: bool) -> Literal["call", "init", "tuple"]:
    """Return how objects are made that come to the same as by a call of the class."""
    new, init = cls.__new__, cls.__init__
    if type(cls) is not type or getattr(cls, "__abstractmethods__", None):
        return "call"
    if new is object.__new__:
        return "init" if isinstance(init, FunctionType) else "call"
    # What `namedtuple` writes runs in a module of its own that has nothing else.
    written = getattr(new, "__globals__", {})
    is_written = str(written.get("__name__")).startswith("namedtuple_")
    if complete and is_written and "_tuple_new" in written and init is object.__init__:
        return "tuple"
    return "call"


def _validated(into: type[Any], columns: tuple[str, ...], by: _Validator) -> Plan:
    title = getattr(into, "__name__", str(into))

    def make(**row: Any) -> Any:
        try:
            return by.build(row)
        except by.invalid as error:
            raise DataError(f"a row does not fit {title}: {error}") from error

    def keyword(name: str) -> str:
        # Both read aliases only: a column with the field's own name goes by its alias.
        alias = by.aliases.get(name, name)
        return name if name in by.aliases.values() or alias in columns else alias

    checks = tuple((ANY, None, f"{title}.{name}") for name in columns)
    return Plan("call", make, None, tuple(map(keyword, columns)), checks)


def _pydantic(into: Any) -> _Validator:
    aliases: dict[str, str] = {}
    if into.model_config.get("validate_by_alias", True):
        for name, field in into.model_fields.items():
            alias = field.validation_alias
            choices = (alias,) if isinstance(alias, str) else getattr(alias, "choices", ())
            texts = [choice for choice in choices if isinstance(choice, str)]
            if texts and name not in texts:
                aliases[name] = texts[0]
    return _Validator(into.model_validate, sys.modules["pydantic"].ValidationError, aliases)


def _msgspec(into: Any, cls: Any) -> _Validator:
    msgspec = sys.modules["msgspec"]
    both = zip(cls.__struct_fields__, cls.__struct_encode_fields__, strict=True)
    aliases = {name: alias for name, alias in both if name != alias}
    build = partial(msgspec.convert, type=into, strict=False)
    return _Validator(build, msgspec.ValidationError, aliases)


def _dataclass_fields(cls: Any) -> list[_Field]:
    dataclasses = _dataclasses()
    found = hints(cls)
    fields: list[_Field] = []
    # Not dataclasses.fields(): it leaves out the InitVars.
    for field in cls.__dataclass_fields__.values():
        if not field.init or field._field_type is dataclasses._FIELD_CLASSVAR:
            continue
        annotation = found.get(field.name, Any)
        if annotation is dataclasses.InitVar:
            annotation = Any
        elif isinstance(annotation, dataclasses.InitVar):
            annotation = annotation.type
        missing = dataclasses.MISSING
        required = field.default is missing and field.default_factory is missing
        fields.append(_Field(field.name, annotation, required, not field.kw_only))
    return sorted(fields, key=lambda field: not field.positional)


def _tuple_fields(cls: Any) -> list[_Field]:
    found = hints(cls)
    return [
        _Field(name, found.get(name, Any), name not in cls._field_defaults, True)
        for name in cls._fields
    ]


def _dict_fields(cls: Any) -> list[_Field]:
    def required(name: str, annotation: Any) -> bool:
        # The wrapper first: where annotations are strings, the class has not seen it.
        while (origin := typing.get_origin(annotation)) is not None:
            if origin is Required or origin is NotRequired:
                return origin is Required
            if origin is not Annotated and not str(origin).endswith("ReadOnly"):
                break
            annotation = typing.get_args(annotation)[0]
        return name in cls.__required_keys__

    return [_Field(name, hint, required(name, hint), False) for name, hint in hints(cls).items()]


def _check(
    cls: type[Any], field: _Field, variables: dict[Any, Any]
) -> tuple[int, Converter | None, str]:
    wanted = f"{cls.__name__}.{field.name}: {describe(field.annotation)}"
    found = fit(field.annotation, variables, wanted)
    return found.mask, found.converter(), wanted


def _no_target(into: Any) -> ProgrammingError:
    return ProgrammingError(
        f"rows cannot become {describe(into)}; use tuple, dict, a TypedDict, a NamedTuple, "
        "a dataclass, a pydantic model or a msgspec.Struct"
    )


def _dataclasses() -> Any:
    # Its import costs more than all of this module.
    import dataclasses

    return dataclasses
