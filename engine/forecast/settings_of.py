"""The settings that put a plan to work: batch sizes, actors, GPU shares and time limits as they were measured.

annotators.objects.resources: batch_size 16, max_actors 3, timeout_s 60     fld run photos/ corpus --config plan.yaml
"""

import math
from collections.abc import Mapping

from engine.config.config import Config, load
from engine.forecast.forecast import Forecast
from engine.forecast.measure import SampledAnnotator

LEAST_TIMEOUT_S, TIMEOUT_FACTOR = 60, 20
"""A call may take this many times as long as the longest of the sample: rare pictures are larger."""


def planned_settings(config: Config, measured: Mapping[str, SampledAnnotator], forecast: Forecast) -> Config:
    """`config` with the resources of the annotators that were measured. What was not measured stays as it is."""
    changes: dict[str, object] = {}
    for name, annotator in config.annotators.items():
        if not measured[name].rate:
            continue
        group = annotator.resources.group
        pool = name if group is None else f"group {group}"
        at = f"annotators.{name}.resources"
        actors = forecast.actors.get(pool, 1)
        if annotator.role != "describer":  # an endpoint's limits are its own
            changes[f"{at}.batch_size"] = measured[name].batch_size
            changes[f"{at}.timeout_s"] = timeout_s(measured[name])
        changes[f"{at}.min_actors"] = min(actors, annotator.resources.min_actors)
        changes[f"{at}.max_actors"] = actors
        if pool in forecast.shares and group is None:
            changes[f"{at}.share_gpus"] = False
            changes[f"{at}.num_gpus"] = forecast.shares[pool]
    return load(config, changes)


def timeout_s(measured: SampledAnnotator) -> float:
    """In whole tens of seconds."""
    return float(max(LEAST_TIMEOUT_S, math.ceil(TIMEOUT_FACTOR * measured.longest_s / 10) * 10))
