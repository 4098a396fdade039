"""What one actor of an annotator needs, declared as data beside the stage and never probed on the driver."""

import re
from typing import Annotated, Self

from pydantic import Field, field_validator, model_validator
from pydantic_core import PydanticCustomError

from shards.settings import SECRET, Danger, Settings

_KEY = re.compile(r"key|token|secret|passw", re.IGNORECASE)


class Resources(Settings):
    """Needs of one actor, and how many actors there may be."""

    num_cpus: float = Field(1.0, ge=0, description="CPUs that one actor reserves")
    num_gpus: float = Field(0.0, ge=0, description="GPUs that one actor reserves; a fraction shares one GPU")
    share_gpus: bool = Field(
        False, description="where there are GPUs, reserve an equal share among all annotators that say so; else none"
    )
    memory_mb: int | None = Field(None, gt=0, description="RAM that one actor reserves; null reserves none")
    min_actors: int = Field(1, ge=1, description="actors started at once")
    max_actors: int = Field(1, ge=1, description="most actors, while batches wait")
    batch_size: int = Field(
        16, ge=1, description="most images per call; fewer of slow models, and halved for good when memory runs out"
    )
    in_flight: int = Field(2, ge=1, description="calls queued per actor, so that it never waits for the driver")
    timeout_s: float | None = Field(
        None,
        gt=0,
        description="longest call in seconds, then its actor is replaced; null: after 300 s without work, or an hour",
    )
    group: str | None = Field(None, description="annotators of one group share actors and decoded images")
    runtime_env: Annotated[dict[str, object], Danger("(installs packages, sets variables)")] = Field(
        {}, description="Ray runtime_env of the actor (pip, env_vars, ...)"
    )

    @field_validator("runtime_env")
    @classmethod
    def _no_keys(cls, value: dict[str, object]) -> dict[str, object]:
        """Settings are kept in corpus.yaml."""
        variables = value.get("env_vars")
        for name in variables if isinstance(variables, dict) else ():
            if _KEY.search(str(name)):
                raise PydanticCustomError(
                    SECRET,
                    "runtime_env.env_vars must hold no keys, they would be written into the corpus, got {name}: set it"
                    " in the environment of the machines",
                    {"name": str(name)},
                )
        return value

    @model_validator(mode="after")
    def _range(self) -> Self:
        if self.max_actors < self.min_actors:
            raise ValueError(
                f"max_actors must be at least min_actors ({self.min_actors}), got {self.max_actors}:"
                " raise max_actors or lower min_actors"
            )
        if self.share_gpus and self.num_gpus:
            raise ValueError(f"num_gpus must be 0 where share_gpus is true, got {self.num_gpus}: choose one of the two")
        return self
