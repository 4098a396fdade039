import pytest
from pydantic import ValidationError

from shards.factory import FactoryError
from specialists.custom import CustomSettings, build_custom
from tests.specialists.fakes import ColourDetector

FACTORY = "tests.specialists.fakes:ColourDetector"


def test_the_factory_gets_the_options() -> None:
    built = build_custom(CustomSettings(factory=FACTORY, options={"level": 7}), "detect")
    assert isinstance(built, ColourDetector)
    assert built.fingerprint()["level"] == 7


def test_a_factory_that_is_not_there_says_what_to_do() -> None:
    with pytest.raises(FactoryError, match=r"cannot import no_such_module .*PYTHONPATH"):
        build_custom(CustomSettings(factory="no_such_module:Thing"), "detect")
    with pytest.raises(FactoryError, match="has no callable 'Nothing'"):
        build_custom(CustomSettings(factory="tests.specialists.fakes:Nothing"), "detect")


def test_an_object_without_the_verb_is_refused() -> None:
    with pytest.raises(FactoryError, match=r"it lacks \['caption'\]"):
        build_custom(CustomSettings(factory=FACTORY), "caption")


@pytest.mark.parametrize("factory", ["module", "module:", ":Class", "a b:C", "m:a.b"])
def test_a_factory_is_module_and_name(factory: str) -> None:
    with pytest.raises(ValidationError, match="factory"):
        CustomSettings(factory=factory)
