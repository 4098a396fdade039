"""When a retrained model may take over."""

from pydantic import Field

from shards.settings import Settings
from stages.evaluate.measures import EVERY_MEASURE, MeasureName


class GateSettings(Settings):
    """The candidate and the model it was trained from annotate held-out images; the better labels win."""

    images: int = Field(200, ge=1, description="most held-out images that both models annotate")
    watched: list[MeasureName] = Field(
        EVERY_MEASURE,
        min_length=1,
        description="measures (F1 each) that must not fall; stages/evaluate/measures.py",
    )
    tolerance: float = Field(0.02, ge=0, le=1, description="how much a measure may fall")
    floor: float = Field(0.05, ge=0, le=1, description="least mean of the measures for a model without a predecessor")
    resamples: int = Field(500, ge=10, description="resampled image sets of the 95% interval of each difference")
