"""How the engine runs: where, how much at once, and how many failures it tolerates.

engine:
  backend: ray
  failure_budget: 0.02
  shards_in_flight: 16
"""

from typing import Annotated, Literal

from pydantic import Field

from shards.settings import Danger, Settings


class EngineSettings(Settings):
    """None of these changes what is written, only how fast and whether a run with failures is accepted."""

    backend: Literal["ray", "local"] = Field(
        "ray", description="ray: actors, one machine or a cluster; local: in this process, no isolation, for tiny jobs"
    )
    address: Annotated[str | None, Danger("(runs the work on that cluster)")] = Field(
        None, description="Ray cluster to join (auto, ray://... or host:port); null: RAY_ADDRESS, else this machine"
    )
    failure_budget: float = Field(
        0.05, ge=0, le=1, description="share of the images that may fail per annotator before the run stops"
    )
    failure_floor: int = Field(
        5, ge=0, description="failures per annotator that are tolerated whatever the share, as long as one succeeds"
    )
    shards_in_flight: int = Field(
        8, ge=1, description="image shards in work at once; more keep larger clusters busy and take driver memory"
    )
    decode_threads: int = Field(2, ge=1, description="threads per actor that read and decode images")
    decode_cache_mb: int = Field(
        256, ge=0, description="decoded images that an actor keeps for the other annotators of its group"
    )
    start_timeout_s: float = Field(
        900.0, gt=0, description="end the run when no actor of an annotator is ready after this long"
    )
