"""How a student is trained on a round: a small detector, by the trainer of its own library.

loop:
  student:
    start: embedded:yolo-nano
    fresh: first
    steps: 220
"""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from shards.settings import OnDisk, Settings

TrainerName = Literal["ultralytics"]

OURS = frozenset(
    {"model", "data", "epochs", "batch", "imgsz", "lr0", "seed", "device", "resume", "pretrained", "save", "save_dir",
     "project", "name", "exist_ok", "mode", "task", "val", "plots", "time", "workers", "optimizer"}
)  # fmt: skip
"""Arguments of the library that a setting of ours decides, or that a run must not change."""


class StudentSettings(Settings):
    """A detector that learns the objects of a round."""

    trainer: TrainerName = Field("ultralytics", description="whose trainer: ultralytics (YOLO)")
    start: Annotated[str | None, OnDisk("start_revision")] = Field(
        None, description="checkpoint of the first training: a .pt file, embedded:NAME, or a hub id with start_revision"
    )
    start_revision: str | None = Field(None, description="commit of the hub id, 40 hex digits; null: start is local")
    fresh: Literal["never", "first", "always"] = Field(
        "never",
        description="which trainings take only the architecture of their checkpoint and begin with random weights:"
        " none, the first of a loop, or that of every round",
    )
    steps: int = Field(400, ge=1, description="optimizer steps; rounded up to whole passes over the trained images")
    batch: int = Field(16, ge=1, description="images per step")
    image_size: int | None = Field(None, ge=32, description="long side in pixels; null: what the checkpoint has seen")
    learning_rate: float = Field(0.002, gt=0, le=1, description="highest rate of AdamW; then a cosine down to 2%")
    warmup: int = Field(100, ge=0, description="steps of linear warm-up")
    mosaic: float = Field(
        0.0, ge=0, le=1, description="share of the pictures that are put together of four; pays off in long trainings"
    )
    doubtful: Literal["teach", "weigh", "skip"] | None = Field(
        None,
        description="labels whose score is below `sure`: teach (or null): objects like others; weigh: by their score;"
        " skip: neither an object nor background. Scores are probabilities after fld calibrate",
    )
    sure: float | None = Field(
        None, ge=0, le=1, description="least score of a label that is taught fully; null: 0.5 to skip, 1 to weigh"
    )
    arguments: dict[str, bool | int | float | str] = Field(
        {}, description="further arguments of the library's trainer, by its names: {fliplr: 0.0, degrees: 10}"
    )
    device: str = Field("auto", description="auto (a GPU if there is one), cpu, cuda, cuda:1, mps")
    cpu_threads: int = Field(1, ge=1, description="torch threads without a GPU; more made small models slower")
    seed: int = Field(1, description="of random weights, the order of images and their changes")

    @model_validator(mode="after")
    def _sure_of_something(self) -> Self:
        if self.sure is not None and self.doubtful not in ("weigh", "skip"):
            raise ValueError(
                f"sure={self.sure:g} says nothing without doubtful: weigh or skip; set loop.student.doubtful"
            )
        return self

    @model_validator(mode="after")
    def _not_ours(self) -> Self:
        if taken := sorted(OURS & self.arguments.keys()):
            raise ValueError(f"arguments must not name {', '.join(taken)}: settings beside it, or the run, decide that")
        return self
