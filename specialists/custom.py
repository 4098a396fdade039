"""Any object of the user's as a specialist: named by its factory, built with its options.

    specialist: {backend: custom, factory: "my_package.counting:CarCounter", options: {camera: north}}

calls `CarCounter({"camera": "north"})` and expects an object that plays the role (`specialists.roles`): `load`,
`fingerprint`, `close` and the role's verb. The object is built on the driver and pickled to the workers, so the module
must be importable there (`resources.runtime_env` can bring it) and heavy imports belong in its `load`.
"""

import importlib
from typing import Literal

from pydantic import Field, JsonValue

from shards.settings import Settings
from specialists.roles import MissingRequirementError

_COMMON = ("load", "fingerprint", "close")


class CustomSettings(Settings):
    """A specialist that the project does not know."""

    backend: Literal["custom"] = Field("custom", description="an object of your own")
    factory: str = Field(
        pattern=r"^[A-Za-z_][\w.]*:[A-Za-z_]\w*$", description="module:Class, called with the options as one dict"
    )
    options: dict[str, JsonValue] = Field({}, description="given to the factory as they are")


def build_custom(settings: CustomSettings, verb: str) -> object:
    """The object, checked for the methods of its role. `verb` is the role's own, "detect" say.

    Raises MissingRequirementError if the module or the name in it is not there, ValueError for a missing method.
    """
    module_name, _, name = settings.factory.partition(":")
    try:
        module = importlib.import_module(module_name)
    except ImportError as error:
        raise MissingRequirementError(
            f"custom: cannot import {module_name} of factory {settings.factory!r} ({error}): install the package or"
            " put its folder on PYTHONPATH"
        ) from error
    factory = getattr(module, name, None)
    if not callable(factory):
        raise MissingRequirementError(f"custom: {module_name} has no callable {name!r}: check factory")
    built: object = factory(dict(settings.options))
    missing = [method for method in (*_COMMON, verb) if not callable(getattr(built, method, None))]
    if missing:
        raise ValueError(f"{settings.factory} must have load, fingerprint, close and {verb}; it lacks {missing}")
    return built
