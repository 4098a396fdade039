import pytest
from pydantic import BaseModel, ValidationError

from filters.phrase import PhraseSettings
from filters.region import RegionSettings
from filters.settings import FilterSettings
from filters.text import LengthRange, TextSettings


@pytest.mark.parametrize("model", [FilterSettings, TextSettings, LengthRange, RegionSettings, PhraseSettings])
def test_every_field_says_what_it_is(model: type[BaseModel]) -> None:
    assert [name for name, field in model.model_fields.items() if not field.description] == []


def test_an_unknown_key_is_refused() -> None:
    with pytest.raises(ValidationError, match=r"region\.min_scor\n  Extra inputs are not permitted"):
        FilterSettings.model_validate({"region": {"min_scor": 0.4}})


def test_text_lines_may_be_long_and_flat() -> None:
    settings = FilterSettings()
    assert settings.ocr.max_aspect_ratio > settings.region.max_aspect_ratio


def test_settings_survive_their_dump() -> None:
    settings = FilterSettings.model_validate({"region": {"annotators": {"yolo": {"labels": {"dog": 0.4}}}}})
    assert FilterSettings.model_validate(settings.model_dump()) == settings
