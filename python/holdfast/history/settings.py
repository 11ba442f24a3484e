"""The settings of a history, from the environment and `.env`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

try:
    from pydantic import AfterValidator, Field, ValidationError
    from pydantic_settings import BaseSettings, SettingsConfigDict
except ModuleNotFoundError as missing:
    raise ModuleNotFoundError(
        f'the settings of a history need {missing.name}: pip install "holdfast[history]"',
        name=missing.name,
    ) from missing

PREFIX = "SQLITE_"


class InvalidSettingsError(ValueError):
    """Settings that cannot be; the message has the name of each, and what is wrong with it."""


def _file(path: Path) -> Path:
    text = str(path)
    if "\0" in text or text.startswith("file:") or path.is_dir():
        raise ValueError("must be the path of a file")
    try:
        return path.expanduser()
    except RuntimeError:
        raise ValueError(f"there is no home directory for {path.parts[0]}") from None


class HistorySettings(BaseSettings):
    """What a history is made with; each from `SQLITE_` and its name, as `SQLITE_DB_PATH`.

    Values of the environment come before those of the file `.env`, and keywords before both. Empty
    ones count as not there. Raises InvalidSettingsError.

    >>> HistorySettings(retention_days=7).retention_days
    7.0
    """

    model_config = SettingsConfigDict(
        env_prefix=PREFIX,
        env_file=".env",
        env_file_encoding="utf-8",
        env_ignore_empty=True,
        extra="ignore",
        frozen=True,
    )

    #: Whether there is a history at all; without, no file is made.
    enabled: bool = True
    #: The file; its directory must exist.
    db_path: Annotated[Path, AfterValidator(_file)] = Path("prompt_history.db")
    #: Readers at most.
    pool_size: int = Field(10, ge=1, le=1000)
    #: Days that records are kept.
    retention_days: float = Field(30.0, gt=0, le=36500, allow_inf_nan=False)
    #: Records that are kept at most; without, any number.
    max_records: int | None = Field(None, ge=1)
    #: Bytes of texts that are kept at most; without, any number.
    max_bytes: int | None = Field(None, ge=1)
    #: Whether what is not kept is deleted, at the start and every hour.
    auto_cleanup: bool = True
    #: Whether records are written in the background; else saving waits for that.
    async_enabled: bool = True
    #: Whether there is a write-ahead log; else SQLite's rollback journal.
    wal_mode: bool = True
    #: Failures in a row after which the database is left alone.
    breaker_failures: int = Field(5, ge=1)
    #: Seconds for which it then is.
    breaker_seconds: float = Field(60.0, gt=0, allow_inf_nan=False)

    def __init__(self, **values: Any) -> None:
        unknown = [each for each in values if not each.startswith("_")]
        unknown = [each for each in unknown if each not in type(self).model_fields]
        if unknown:
            raise InvalidSettingsError(f"there is no setting {', '.join(unknown)}")
        try:
            super().__init__(**values)
        except ValidationError as error:
            raise InvalidSettingsError(_explained(error)) from None
        except UnicodeDecodeError as error:
            name = values.get("_env_file", self.model_config.get("env_file"))
            place = f"its byte {error.start + 1} is no UTF-8"
            raise InvalidSettingsError(f"{name} cannot be read: {place}") from None


def _explained(error: ValidationError) -> str:
    wrong: list[str] = []
    for each in error.errors(include_url=False):
        name = PREFIX + ".".join(map(str, each["loc"])).upper()
        problem = each["msg"].removeprefix("Value error, ")
        wrong.append(f"{name} is {each['input']!r:.80}: {problem}")
    return "; ".join(wrong)
