"""Sparse tasks: texts that an annotator with a `subset` writes about few images, and the model that learns them of it.

    long            describer, subset: {share: 0.05}      raw/long-.../            detailed texts of one image in twenty
    long-learned    the loop's last model, fine-tuned     rounds/NN/model-long-learned/
                    on them                               raw/long-learned-.../    detailed texts of all images

After section 4.2 of the Florence-2 paper: what has few labels is left out of the first rounds; the model that has
learned everything else then learns it from them, better than one that begins with nothing, and becomes the specialist.
Here that is one more annotator of the same corpus: its texts stand beside those of the annotator that it learned from.
"""

from collections.abc import Mapping

from shards.finding import Granularity
from specialists.florence2 import Florence2CaptionerSettings
from specialists.florence2_format import CAPTION_TASKS, Task
from stages.annotate.build import Annotator
from stages.annotate.captioner import CaptionsSettings
from stages.annotate.describer import DescriptionsSettings
from stages.annotate.generalist import GeneralistSettings

SUFFIX = "-learned"
Teacher = CaptionsSettings | DescriptionsSettings


def teachers(annotators: Mapping[str, Annotator]) -> dict[str, Teacher]:
    """Name of the model that learns -> the annotator it learns from, for each that alone writes some kind of text and
    sees some images only."""
    dense = {
        level for writer in _writers(annotators).values() if writer.subset is None for level in writer.granularities
    }
    return {
        f"{name}{SUFFIX}": writer
        for name, writer in _writers(annotators).items()
        if writer.subset is not None and not dense.issuperset(writer.granularities)
    }


def sparse_levels(annotators: Mapping[str, Annotator]) -> list[Granularity]:
    """The kinds of text that are written about few images only."""
    return list(dict.fromkeys(level for teacher in teachers(annotators).values() for level in teacher.granularities))


def tasks_of(levels: list[Granularity]) -> list[Task]:
    """As Florence-2 is asked for them."""
    return [CAPTION_TASKS[level] for level in levels]


def learned_captioner(teacher: Teacher, like: GeneralistSettings, weights: str) -> CaptionsSettings:
    """The model as an annotator. like: how the loop's models search, and what an actor of theirs needs."""
    how = like.specialist.model_dump(exclude={"weights", "revision"})
    specialist = Florence2CaptionerSettings.model_validate({**how, "weights": weights})
    return CaptionsSettings(
        role="captioner", specialist=specialist, granularities=list(teacher.granularities), resources=like.resources
    )


def _writers(annotators: Mapping[str, Annotator]) -> dict[str, Teacher]:
    """Those that write texts of whole images."""
    return {
        name: annotator
        for name, annotator in annotators.items()
        if isinstance(annotator, DescriptionsSettings)
        or (isinstance(annotator, CaptionsSettings) and annotator.of == "image")
    }
