"""Text to settings and back: `--set` overrides, errors with a did-you-mean, and YAML with a comment on every line.

Comes in: a mapping from YAML, and settings classes (pydantic). Goes out: a validated settings object, or ConfigError:

    filters.region.min_scor: unknown key, did you mean 'min_score'? (one of: min_score, nms_iou, ...)
"""

import difflib
import re
import types
import typing
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import yaml
from pydantic import ValidationError

from shards.errors import SettingsError
from shards.settings import SECRET, Settings, SettingsT

END, SCALAR_END = "\n", "..."  # what PyYAML writes after a document that is one plain value
_SHORT = 3
"""Settings that differ in a section, up to which they share its line."""
_MOST_VALUES = 100_000
_NO_SECTION = ("dict_type", "model_type", "model_attributes_type")
"""What pydantic calls a value where settings or a mapping are wanted."""


class ConfigError(SettingsError):
    """A configuration that cannot be used; one line per mistake, each naming the key."""


class _Loader(yaml.SafeLoader):
    """Of YAML 1.2: only `true` and `false` are booleans, so that `on:` is a name and `no` a label. Settings that are
    booleans still take yes, no, on and off. A key that is given twice is a mistake, and no choice of ours."""

    def compose_mapping_node(self, anchor: Any) -> yaml.MappingNode:
        """The node, before what it merges (`<<`) comes in, which its own keys may overrule."""
        node = super().compose_mapping_node(anchor)
        seen: set[str] = set()
        for key, _ in node.value:
            if isinstance(key, yaml.ScalarNode) and key.value in seen:
                raise yaml.constructor.ConstructorError(None, None, f"{key.value!r} is given twice", key.start_mark)
            seen.add(key.value if isinstance(key, yaml.ScalarNode) else "")
        return node


_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:bool" or first in "tTfF"]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def parse(text: str, origin: str) -> dict[str, Any]:
    """The mapping that YAML `text` holds. Raises ConfigError naming `origin` and the line."""
    try:
        data = yaml.load(text, _Loader)
    except (yaml.YAMLError, ValueError, RecursionError) as error:  # ValueError: 2026-02-31 is no date
        said = _one_line(error) if isinstance(error, yaml.YAMLError) else str(error)
        mark = getattr(error, "problem_mark", None)
        where = "" if mark is None else f", line {mark.line + 1}"
        raise ConfigError(f"{origin} is not valid YAML{where}: {said}") from error
    if data is None:
        return {}
    if _is_endless(data):
        raise ConfigError(
            f"{origin} holds more than {_MOST_VALUES:,} values: an alias (*name) repeats or contains itself"
        )
    if not isinstance(data, dict):
        raise ConfigError(f"{origin} must hold a mapping of settings, got {type(data).__name__}")
    return data


def _is_endless(data: object) -> bool:
    """Whether aliases make more of a few lines than can be read: copies of copies, or a section within itself."""
    waiting, seen = [data], 0
    while waiting and seen <= _MOST_VALUES:
        value = waiting.pop()
        seen += 1
        waiting += value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return seen > _MOST_VALUES


def override(data: dict[str, Any], assignments: Sequence[str] | Mapping[str, object]) -> dict[str, Any]:
    """A copy of `data` with single settings changed: `a.b.c=value`, the value read as YAML (`0.4`, `true`, `[a, b]`,
    `null`), or {"a.b.c": value}."""
    changed: dict[str, Any] = _copy(data)
    if isinstance(assignments, Mapping):
        for path, value in assignments.items():
            _assign(changed, path, _copy(value), f"{path}={value!r}")
        return changed
    for assignment in assignments:
        path, equals, text = assignment.partition("=")
        if not equals or not path.strip():
            raise ConfigError(f"a setting is KEY=VALUE such as filters.region.min_score=0.4, got {assignment!r}")
        try:
            value = yaml.load(text, _Loader)
        except (yaml.YAMLError, ValueError, RecursionError) as error:
            said = _one_line(error) if isinstance(error, yaml.YAMLError) else str(error)
            raise ConfigError(f"{assignment}: the value is not valid YAML: {said}") from error
        if _is_endless(value):
            raise ConfigError(f"{assignment}: an alias (*name) repeats or contains itself")
        _assign(changed, path, value, assignment)
    return changed


def _assign(data: dict[str, Any], path: str, value: object, said: str) -> None:
    """Set one value in place; sections on the way are made. said: what the user wrote, for the error."""
    target = data
    *parents, last = path.strip().split(".")
    for depth, parent in enumerate(parents):
        below = target.setdefault(parent, {})
        if below is None:
            below = target[parent] = {}
        if not isinstance(below, dict):
            raise ConfigError(f"{said}: {'.'.join(parents[: depth + 1])} is a value, not a section")
        target = below
    target[last] = value


def _one_line(error: yaml.YAMLError) -> str:
    return " ".join(str(getattr(error, "problem", None) or error).split())


def validate(kind: type[SettingsT], data: Mapping[str, Any], origin: str) -> SettingsT:
    """`kind` filled from `data`. Raises ConfigError with one line per mistake."""
    try:
        return kind.model_validate(data)
    except ValidationError as error:
        lines = [_explain(kind, data, mistake) for mistake in error.errors()]
        raise ConfigError(f"{origin}:\n" + "\n".join(f"  {line}" for line in lines)) from error


def to_yaml(settings: Settings, *, changed: bool = False) -> str:
    """YAML of every value, each line with its description as comment; changed: only of what differs from its default.
    Either way reading it gives equal settings."""
    return "\n".join(_lines(settings, 0, changed)) + "\n"


def _copy(value: Any) -> Any:
    return {key: _copy(below) for key, below in value.items()} if isinstance(value, dict) else value


def _explain(kind: type[Settings], data: Mapping[str, Any], mistake: Any) -> str:
    location = [str(part) for part in mistake["loc"]]
    path = ".".join(_written(location, data))
    if mistake["type"] == "extra_forbidden":
        known = sorted(_fields_at(kind, location[:-1]))
        close = difflib.get_close_matches(location[-1], known, n=1)
        hint = f", did you mean {close[0]!r}?" if close else ""
        return f"{path}: unknown key{hint} (one of: {', '.join(known)})"
    if mistake["type"] in ("union_tag_invalid", "union_tag_not_found"):
        return f"{path}.{_of_tag(**mistake['ctx'])}"
    if mistake["type"] in _NO_SECTION:
        return f"{path}: must be a section, of names with their values, got {mistake['input']!r}"
    got = "" if mistake["type"] in ("missing", SECRET) else f", got {mistake['input']!r}"
    return f"{path}: {mistake['msg'][:1].lower()}{mistake['msg'][1:]}{got}"


def _of_tag(discriminator: str, tag: str | None = None, expected_tags: str = "") -> str:
    """What is wrong with the field that says which settings these are. Arguments: pydantic's, with quotes."""
    name, known = discriminator.strip("'"), re.findall(r"'([^']*)'", expected_tags)
    if tag is None:
        return f"{name}: field required"
    close = difflib.get_close_matches(tag, known, n=1)
    hint = f": did you mean {close[0]!r}?" if close else ""
    return f"{name}: must be one of {', '.join(known)}, got {tag!r}{hint}"


def _written(location: list[str], data: Any) -> list[str]:
    """The location without the tags that pydantic adds for the member of a union it tried."""
    path = []
    for position, part in enumerate(location):
        if isinstance(data, dict) and part in data:
            data = data[part]
        elif isinstance(data, list) and part.isdigit() and int(part) < len(data):
            data = data[int(part)]
        elif position < len(location) - 1:
            continue
        path.append(part)
    return path


def _fields_at(kind: Any, location: list[str]) -> set[str]:
    """Names of the fields of the settings class that `location` leads to, unions and dicts followed."""
    options = [kind]
    for part in location:
        options = [below for option in options for below in _step(option, part)]
    return {name for option in options if _is_settings(option) for name in option.model_fields}


def _step(option: Any, part: str) -> Iterator[Any]:
    if _is_settings(option) and part in option.model_fields:
        yield from _members(option.model_fields[part].annotation)
    elif _is_settings(option) and any(part in _tags(field) for field in option.model_fields.values()):
        yield option
    elif typing.get_origin(option) in (dict, list, tuple):
        yield from _members(typing.get_args(option)[-1])


def _members(annotation: Any) -> Iterator[Any]:
    if typing.get_origin(annotation) is typing.Annotated:
        yield from _members(typing.get_args(annotation)[0])
    elif typing.get_origin(annotation) in (typing.Union, types.UnionType):
        for member in typing.get_args(annotation):
            yield from _members(member)
    else:
        yield annotation


def _tags(field: Any) -> tuple[Any, ...]:
    return typing.get_args(field.annotation) if typing.get_origin(field.annotation) is typing.Literal else ()


def _is_settings(option: Any) -> bool:
    return isinstance(option, type) and issubclass(option, Settings)


def _lines(settings: Settings, depth: int, changed: bool) -> Iterator[str]:
    indent = "  " * depth
    for name, field in _fields(settings, changed):
        comment = f"  # {field.description}" if field.description else ""
        yield from _entry(f"{indent}{name}:", getattr(settings, name), comment, depth, changed)


def _fields(settings: Settings, changed: bool) -> list[tuple[str, Any]]:
    """All fields; changed: those that differ from their default, and what says which settings these are, the `role`
    and the `backend` of a specialist."""
    fields = type(settings).model_fields
    if not changed:
        return list(fields.items())
    shown = [
        (name, field)
        for name, field in fields.items()
        if _is_tag(field) or getattr(settings, name) != field.default or _has_tag(getattr(settings, name))
    ]
    return sorted(shown, key=lambda entry: not _is_tag(entry[1]))


def _is_tag(field: Any) -> bool:
    return typing.get_origin(field.annotation) is typing.Literal and len(typing.get_args(field.annotation)) == 1


def _has_tag(value: Any) -> bool:
    return isinstance(value, Settings) and any(map(_is_tag, type(value).model_fields.values()))


def _entry(head: str, value: Any, comment: str, depth: int, changed: bool) -> Iterator[str]:
    if isinstance(value, Settings) and not (changed and _is_short(value)):
        yield f"{head}{comment}"
        yield from _lines(value, depth + 1, changed)
    elif isinstance(value, dict) and any(isinstance(below, Settings) for below in value.values()):
        yield f"{head}{comment}"
        for key, below in value.items():
            yield from _entry(f"{'  ' * (depth + 1)}{key}:", below, "", depth + 1, changed)
    else:
        is_section = isinstance(value, Settings)
        plain = {name: getattr(value, name) for name, _ in _fields(value, changed)} if is_section else value
        text = yaml.safe_dump(_plain(plain), default_flow_style=True, width=10**6, sort_keys=not is_section)
        yield f"{head} {text.removesuffix(END).removesuffix(SCALAR_END).strip()}{comment}"


def _is_short(settings: Settings) -> bool:
    """Whether what differs in it fits into the line of its name."""
    values = [getattr(settings, name) for name, _ in _fields(settings, changed=True)]
    return len(values) <= _SHORT and not any(isinstance(value, Settings | dict) for value in values)


def _plain(value: Any) -> Any:
    if isinstance(value, Settings):
        return value.model_dump(mode="json")
    if isinstance(value, dict):
        return {key: _plain(below) for key, below in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(below) for below in value]
    return value
