"""The base of every settings class: pydantic, frozen, unknown keys fail.

A settings class stands beside the code it configures (`filters/`, `stages/`, `specialists/`);
`engine/config/config.py` only puts them together. Each field has a description: `fld config` prints it as the comment
of that line. The setting of a rule also says at which value the rule is off:

    min_score: Annotated[float, Off(0.0)] = Field(0.3, description="least confidence")
    switched_off(settings).min_score        0.0
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationInfo
from pydantic.fields import FieldInfo

SECRET: Final = "secret"
"""Type of a validation error (`PydanticCustomError`) about a value that nobody may read: an error never repeats it."""


class Settings(BaseModel):
    """Immutable, validated, no unknown keys; equal settings dump to equal JSON."""

    model_config = ConfigDict(frozen=True, extra="forbid", validate_default=True)


@dataclass(frozen=True)
class Off:
    """In the annotation of a setting: the value at which its rule drops nothing."""

    value: object


@dataclass(frozen=True)
class OnDisk:
    """In the annotation of a setting that may name a file or folder of this machine: a corpus keeps it as an absolute
    path, since the next command may start elsewhere. pinned: the setting beside it that makes it a hub id."""

    pinned: str = ""


@dataclass(frozen=True)
class Danger:
    """In the annotation of a setting that can run code or send secrets: what it can do. A corpus of somebody else does
    not get to set it (`engine/corpus/trust.py`)."""

    why: str


SettingsT = TypeVar("SettingsT", bound=Settings)
T = TypeVar("T")


def named_once(values: list[T], info: ValidationInfo) -> list[T]:
    """A validator of a list, `field_validator("tasks")(named_once)`: nothing stands in it twice."""
    if len(set(values)) < len(values):
        raise ValueError(f"{info.field_name} must differ, got {values}: name each once")
    return values


def switched_off(settings: SettingsT) -> SettingsT:
    """`settings` with every rule off: each field that has an `Off`, also in the settings within."""
    changes: dict[str, object] = {}
    for name, field in type(settings).model_fields.items():
        value = getattr(settings, name)
        if (off := off_of(field)) is not None:
            changes[name] = off.value
        elif isinstance(value, Settings):
            changes[name] = switched_off(value)
    return settings.model_copy(update=changes)


def off_of(field: FieldInfo) -> Off | None:
    """When the rule of a field is off; None for a field that is no rule."""
    return next((each for each in field.metadata if isinstance(each, Off)), None)


def on_disk(field: FieldInfo) -> OnDisk | None:
    """How a setting names a file; None for one that does not."""
    return next((each for each in field.metadata if isinstance(each, OnDisk)), None)


def danger_of(field: FieldInfo) -> Danger | None:
    """What a setting can do to the user; None for one that is harmless."""
    return next((each for each in field.metadata if isinstance(each, Danger)), None)


def leaves(kind: type[Settings], path: str = "") -> Iterator[tuple[str, FieldInfo]]:
    """Every field of a settings class and of those within, by path, until one that has an `Off`."""
    for name, field in kind.model_fields.items():
        below = field.annotation
        if off_of(field) is None and isinstance(below, type) and issubclass(below, Settings):
            yield from leaves(below, f"{path}{name}.")
        else:
            yield f"{path}{name}", field
