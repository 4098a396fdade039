"""Any object of the user's as a specialist: named by its factory, built with its options.

    specialist: {backend: custom, factory: "my_package.counting:CarCounter", options: {camera: north}}

calls `CarCounter({"camera": "north"})` and expects an object that plays the role (`specialists.roles`): `load`,
`fingerprint`, `close` and the role's verb. The object is built on the driver and pickled to the workers, so the module
must be importable there (`resources.runtime_env` can bring it) and heavy imports belong in its `load`. A complete one:
`specialists/examples/red_things.py`.
"""

from typing import Literal

from pydantic import Field

from shards.factory import FactorySettings, built

_COMMON = ("load", "fingerprint", "close")


class CustomSettings(FactorySettings):
    """A specialist that the project does not know."""

    backend: Literal["custom"] = Field("custom", description="an object of your own")


def build_custom(settings: CustomSettings, verb: str) -> object:
    """The object, checked for the methods of its role. `verb` is the role's own, "detect" say.

    Raises FactoryError if the module, the name in it or a method is not there."""
    return built(settings, (*_COMMON, verb))
