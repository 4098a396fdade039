"""Every committed file against its checksum; with `repair`, what is damaged is made again.

    verify("corpus").found.damages          [UnitDamage("raw/objects-3f9a0c12", "000003", Damage(...)), ...]
    verify("corpus", repair=True).error     None: every unit was read again and is as its manifest says

A damaged model is not made again: training again gives another one, whose labels are others. While there is one,
nothing is repaired, since rounds that it wrote would be written with what is left of it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from shlex import quote

from engine.api.reports import Location, Tell, untold
from engine.api.rounds import repair as repair_units
from engine.config.config import CORPUS_FILE, load
from engine.config.config_text import ConfigError
from engine.corpus.promotions import CALIBRATION_UNIT
from shards.errors import CorpusError, DamageError
from shards.layout import IMAGES, RAW, REVIEWS
from shards.store import Store, open_corpus
from shards.verify import NO_MANIFEST, UnitDamage, VerifyReport, retire_damaged
from shards.verify import verify as verify_units


@dataclass(frozen=True)
class Verification:
    """found: what was read, and what was damaged; is_repaired: whether it was made again and is whole now; error: what
    is damaged or missing still, and what to do, None for nothing."""

    found: VerifyReport
    is_repaired: bool = False
    error: CorpusError | None = None

    def check(self) -> None:
        """Raise the error with which `fld verify` ends, if there is one."""
        if self.error is not None:
            raise self.error


def verify(
    corpus: Location, *, repair: bool = False, sample: float = 1.0, seed: int | None = None, tell: Tell = untold
) -> Verification:
    """Read a whole corpus again. repair: make the damaged units again; raises what running them raises. sample: the
    share of units, by chance and the seed, whose files are read; of the others it is checked that they are there. tell:
    called with what was found, and with the report of each part of the repair. Raises ConfigError if nothing is there,
    or where a sample shall be repaired."""
    if repair and sample < 1.0:
        raise ConfigError(f"a repair reads every unit, a sample of {sample:g} does not: leave out one of both")
    store = open_corpus(str(corpus))
    report = verify_units(store, sample=sample, seed=seed)
    tell(report)
    if report.units == 0 and report.ok:
        raise ConfigError(f"{corpus} holds no units: is this a corpus folder?")
    if report.ok and not report.unfinished:
        return Verification(report)
    error = _beyond_repair(str(corpus), report) or (_gone(store, report) if repair else _to_repair(str(corpus), report))
    if error is not None:
        return Verification(report, error=error)
    is_of_columns = any(damage.folder.startswith(f"{RAW}/") for damage in report.damages)
    repair_units(
        str(corpus),
        lambda: retire_damaged(store, report.damages),
        tell,
        annotates=is_of_columns or bool(report.unfinished),
    )
    remaining = verify_units(store)
    if not remaining.ok:
        return Verification(report, error=DamageError(f"still damaged after the repair: {remaining.damages[0]}"))
    return Verification(report, is_repaired=True)


def _beyond_repair(corpus: str, report: VerifyReport) -> DamageError | None:
    """Of what nobody can make again."""
    if report.of_single_files:
        return DamageError(_about_files(corpus, report.of_single_files))
    if report.of_reviews:
        return DamageError(_about_reviews(report.of_reviews))
    if report.of_models:
        return DamageError(_about_models(corpus, report.of_models, len(report.damages)))
    return None


def _to_repair(corpus: str, report: VerifyReport) -> CorpusError:
    """What --repair would do."""
    if report.ok:
        return CorpusError(f"ingest is not finished: `fld verify {quote(corpus)} --repair` goes on, or `fld ingest`")
    count = len({each.damage.path for each in report.damages})  # a tar that is cut off has many damages
    return DamageError(
        f"{count} damaged files: `fld verify {quote(corpus)} --repair` rebuilds only the units they are in"
    )


def _gone(store: Store, report: VerifyReport) -> CorpusError | None:
    """If images must be read again and are not where they were: nothing is withdrawn then."""
    from stages.ingest.plan import read_plan

    damaged = {damage.name for damage in report.damages if damage.folder == IMAGES} | {*report.unfinished}
    plan = read_plan(store, load(None, [], store).ingest.shard_size) if damaged else None
    places = [entry.location for shard in sorted(damaged) if plan for entry in plan.entries(shard)]
    gone = [place for place in places if "://" not in place and place and not Path(place).exists()]
    if not gone:
        return None
    more = f" and {len(gone) - 1} more" if len(gone) > 1 else ""
    return CorpusError(
        f"the repair reads {len(places)} images again, and {len(gone)} are not where they were: {gone[0]}{more}:"
        " bring them back, or restore the damaged files from a copy"
    )


def _about_files(corpus: str, damages: Sequence[UnitDamage]) -> str:
    """What to do about files that nobody can make again."""
    names = [damage.name for damage in damages]
    advice = f"restore {', '.join(names)} from a copy"
    if CORPUS_FILE in names:
        own = f"{corpus}/{CORPUS_FILE}"
        advice += f"; or say with --config what the settings are: a file, a profile, or {own} if it is right"
    if others := [name for name in names if name != CORPUS_FILE]:
        advice += f"; or delete {', '.join(others)}, and `fld annotate` or `fld loop` writes it again"
    return f"{len(names)} damaged files that --repair does not touch: {advice}"


def _about_reviews(damages: Sequence[UnitDamage]) -> str:
    """What to do about corrections that nobody makes again."""
    if all(damage.damage.reason == NO_MANIFEST for damage in damages):
        return f"{len(damages)} files of corrections without a manifest: `fld filter` takes them in; or delete them"
    names = ", ".join(sorted({damage.name for damage in damages}))
    return (
        f"{len(damages)} damaged files of corrections, which --repair never touches: restore {names} of {REVIEWS}/ and"
        f" of {REVIEWS}/manifest/ from a copy; or delete both, and correct again"
    )


def _about_models(corpus: str, damages: Sequence[UnitDamage], count: int) -> str:
    """What to do, by hand."""
    weights = sorted({damage.folder for damage in damages if damage.name != CALIBRATION_UNIT})
    calibrations = sorted({damage.folder for damage in damages if damage.name == CALIBRATION_UNIT} - {*weights})
    advice = [
        f"restore the files of {folder} from a copy; or delete the folder, and `fld loop {quote(corpus)}` trains"
        " another model"
        for folder in weights
    ]
    advice += [
        f"delete {folder}/{CALIBRATION_UNIT}.json, and `fld loop {quote(corpus)}` fits it again"
        for folder in calibrations
    ]
    return f"{count} damaged files, some of models, which --repair never touches: {'; '.join(advice)}"
