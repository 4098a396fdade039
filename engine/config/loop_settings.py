"""The settings of `fld loop`: the model that learns, how it is trained, and what is demanded of it."""

from pydantic import Field

from shards.settings import Settings
from stages.annotate.generalist import GeneralistSettings
from stages.gate.settings import GateSettings
from stages.retrain.settings import RetrainSettings
from stages.watch.settings import WatchSettings


class LoopSettings(Settings):
    """Retrain on a round, judge the model, let it write the labels of the next round, watch what becomes of them."""

    start: str | None = Field(
        None, description="checkpoint of the first training (fld loop --from): a folder, embedded:NAME or a hub id"
    )
    start_revision: str | None = Field(None, description="commit of the hub id, 40 hex digits; null: start is local")
    gold: str | None = Field(
        None, description="gold that models are judged by (fld loop --gold): gold.jsonl or COCO; null: round 0's labels"
    )
    generalist: GeneralistSettings = Field(
        GeneralistSettings(),
        description="how the trained model annotates; the loop sets its weights, tasks left out here stay with the"
        " specialists",
    )
    retrain: RetrainSettings = Field(RetrainSettings(), description="how it is trained on a round")
    gate: GateSettings = Field(GateSettings(), description="when a trained model may write labels")
    watch: WatchSettings = Field(WatchSettings(), description="when the loop only hears itself")
