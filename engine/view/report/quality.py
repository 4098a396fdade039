"""What `fld eval --rounds --json FILE` measured, the measures that changed most first.

Comes in: the bytes of that file. Goes out: one `Measure` per line of the report: what the annotators said before any
filter, then what each round kept.
"""

from typing import Any

import msgspec

from engine.config.config_text import ConfigError
from engine.report.eval_report import FILTERED, SHOWN, UNFILTERED
from engine.view.report.page import Measure, MeasureValue

_NOTHING = MeasureValue(None)


class _File(msgspec.Struct):
    """The part that is read: round -> "stages" -> stage -> measure -> value."""

    rounds: dict[int, dict[str, dict[str, Any]]]


def measured(data: bytes, path: str) -> list[Measure]:
    """Raises ConfigError if `data` is no such file. path: for the message."""
    try:
        rounds = msgspec.json.decode(data, type=_File, strict=False).rounds
        stages = {
            number: msgspec.convert(of_round["stages"], dict[str, dict[str, MeasureValue]])
            for number, of_round in rounds.items()
        }
        columns = {"before filters": stages[min(stages)][UNFILTERED]}
        columns |= {f"round {number}": of_stage[FILTERED] for number, of_stage in sorted(stages.items())}
    except (msgspec.DecodeError, KeyError, ValueError) as error:
        raise ConfigError(f"measures {path}: wanted what `fld eval --json {path}` writes, got {error!r}") from error
    measures = [Measure(name, [(title, of.get(name, _NOTHING)) for title, of in columns.items()]) for name in SHOWN]
    return sorted(
        (measure for measure in measures if _last(measure) is not None), key=lambda measure: -_change(measure)
    )


def _last(of: Measure) -> float | None:
    return of.columns[-1][1].value


def _change(of: Measure) -> float:
    """From the first round, or from before the filters where there is one round alone."""
    first, last = of.columns[1 if len(of.columns) > 2 else 0][1].value, _last(of)
    return 0.0 if first is None or last is None else abs(last - first)
