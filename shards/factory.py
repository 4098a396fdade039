"""A name in the settings becomes an object of the user's: the only place where a setting brings code along.

    built({"factory": "my_package.counting:CarCounter", "options": {"camera": "north"}})
        ->  my_package.counting.CarCounter({"camera": "north"})

The module must be importable wherever it runs: an installed package, or a folder on PYTHONPATH. What the user's own
code raises is told with its file and line, and without our traceback: `what_it_raised`.
"""

import importlib
import traceback
from collections.abc import Mapping, Sequence
from typing import Annotated

from pydantic import Field, JsonValue

from shards.errors import SettingsError
from shards.settings import Danger, Settings


class FactoryError(SettingsError):
    """A factory that cannot be called, or an object without the methods of its role."""


class FactorySettings(Settings):
    """An object that the project does not know."""

    factory: Annotated[str, Danger("(imports and calls it)")] = Field(
        pattern=r"^[A-Za-z_][\w.]*:[A-Za-z_]\w*$", description="module:Class, called with the options as one dict"
    )
    options: dict[str, JsonValue] = Field({}, description="what the factory is called with")


def built(settings: FactorySettings, methods: Sequence[str]) -> object:
    """The object of the settings, which has `methods`. Raises FactoryError if the module, the name or a method is not
    there."""
    module_name, _, name = settings.factory.partition(":")
    try:
        module = importlib.import_module(module_name)
    except ImportError as error:
        raise FactoryError(
            f"custom: cannot import {module_name} of factory {settings.factory!r} ({error}): install the package or"
            " put its folder on PYTHONPATH"
        ) from error
    except Exception as error:  # the module is the user's, and may raise anything
        raise FactoryError(f"custom: importing {module_name} failed: {what_it_raised(error, module_name)}") from error
    factory = getattr(module, name, None)
    if not callable(factory):
        raise FactoryError(f"custom: {module_name} has no callable {name!r}: check factory")
    options: Mapping[str, JsonValue] = dict(settings.options)
    try:
        found: object = factory(options)
    except Exception as error:  # the user's constructor may raise anything
        raise FactoryError(
            f"custom: {settings.factory} failed with the options {dict(options)}: {what_it_raised(error, module_name)}"
        ) from error
    missing = [method for method in methods if not callable(getattr(found, method, None))]
    if missing:
        raise FactoryError(f"{settings.factory} must have {', '.join(methods)}; it lacks {missing}")
    return found


def what_it_raised(error: BaseException, module: str) -> str:
    """`KeyError: 'side' (/home/ann/rules.py, line 12)`: the last line of the user's module on the way to the error, or
    where it arose if that module was never entered."""
    said = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
    if isinstance(error, SyntaxError):
        return said  # names file and line
    frames = list(traceback.walk_tb(error.__traceback__))
    own = [(frame, line) for frame, line in frames if frame.f_globals.get("__name__") == module] or frames
    where = [f" ({frame.f_code.co_filename}, line {line})" for frame, line in own]
    return said + (where[-1] if where else "")
