"""`fld verify`: every committed file against its checksum; with `--repair`, what is damaged is made again.

A damaged model is not: training again gives another one, whose labels are others. While there is one, nothing is
repaired, since rounds that it wrote would be written with what is left of it.
"""

from pathlib import Path

from engine.api.rounds import repair as repair_units
from engine.config.config import CORPUS_FILE, load
from engine.config.config_text import ConfigError
from engine.console.terminal import out, styled
from engine.corpus.promotions import CALIBRATION
from engine.verbs.printing import printer
from shards.errors import CorpusError, DamageError
from shards.layout import IMAGES, REVIEWS
from shards.store import Store, open_store
from shards.verify import UnitDamage, VerifyReport, retire_damaged
from shards.verify import verify as verify_units


def verify(corpus: str, *, repair: bool) -> None:
    """Print what is damaged. Raises DamageError if something is, and `repair` did not mend it."""
    store = open_store(corpus)
    report = verify_units(store)
    _print(report)
    if report.units == 0 and report.ok:
        raise ConfigError(f"{corpus} holds no units: is this a corpus folder?")
    if report.ok and not report.unfinished:
        return
    if report.of_single_files:
        raise DamageError(_about_files(corpus, report.of_single_files))
    if report.of_reviews:
        raise DamageError(_about_reviews(report.of_reviews))
    if report.of_models:
        raise DamageError(_about_models(corpus, report.of_models, len(report.damages)))
    if report.ok and not repair:
        raise CorpusError(f"ingest is not finished: `fld verify {corpus} --repair` goes on, or `fld ingest`")
    if not repair:
        raise DamageError(
            f"{len(report.damages)} damaged files: `fld verify {corpus} --repair` rebuilds only the units they are in"
        )
    _check_sources(store, [*report.damages], report.unfinished)
    repair_units(corpus, lambda: retire_damaged(store, report.damages), printer(corpus))
    remaining = verify_units(store)
    if not remaining.ok:
        raise DamageError(f"still damaged after the repair: {remaining.damages[0]}")
    out.print("Repaired: every unit was read again and is as its manifest says.")


def _print(report: VerifyReport) -> None:
    """What was found."""
    for damage in report.damages:
        out.print(styled("red", "damaged"), str(damage))
    for orphan in report.orphans:
        out.print(styled("yellow", "left over"), f"{orphan}: no manifest names it; the next run writes over it")
    for folder in report.unsealed:
        out.print(styled("yellow", "not checked"), f"{folder}: an older release trained it and left no checksums")
    out.print(f"{report.units:,} units, {report.files:,} files, {report.bytes / 1e6:,.1f} MB read")
    for shard in report.unfinished:
        out.print(f"not finished images {shard}: it was planned and is not there")


def _check_sources(store: Store, damages: list[UnitDamage], unfinished: list[str]) -> None:
    """Raise CorpusError if images must be read again and are not where they were: nothing is withdrawn then."""
    from stages.ingest.plan import read_plan

    wanted = {damage.name for damage in damages if damage.folder == IMAGES} | {*unfinished}
    shards = read_plan(store, load(None, [], store).ingest.shard_size).shards() if wanted else {}
    places = [entry.location for shard in sorted(wanted) for entry in shards.get(shard, [])]
    gone = [place for place in places if "://" not in place and place and not Path(place).exists()]
    if gone:
        more = f" and {len(gone) - 1} more" if len(gone) > 1 else ""
        raise CorpusError(
            f"the repair reads {len(places)} images again, and {len(gone)} are not where they were: {gone[0]}{more}:"
            " bring them back, or restore the damaged files from a copy"
        )


def _about_files(corpus: str, damages: list[UnitDamage]) -> str:
    """What to do about files that nobody can make again."""
    names = [each.name for each in damages]
    advice = f"restore {', '.join(names)} from a copy"
    if CORPUS_FILE in names:
        advice += f"; or look at it, and `--config {corpus}/{CORPUS_FILE}` makes what it says your settings"
    if others := [name for name in names if name != CORPUS_FILE]:
        advice += f"; or delete {', '.join(others)}, and `fld annotate` or `fld loop` writes it again"
    return f"{len(names)} damaged files that --repair does not touch: {advice}"


def _about_reviews(damages: list[UnitDamage]) -> str:
    """What to do about corrections that nobody makes again."""
    names = ", ".join(sorted({each.name for each in damages}))
    return (
        f"{len(damages)} damaged files of corrections, which --repair never touches: restore {names} of {REVIEWS}/ and"
        f" of {REVIEWS}/manifest/ from a copy; or delete both, and correct again"
    )


def _about_models(corpus: str, damages: list[UnitDamage], count: int) -> str:
    """What to do, by hand."""
    weights = sorted({each.folder for each in damages if each.name != CALIBRATION})
    calibrations = sorted({each.folder for each in damages if each.name == CALIBRATION} - {*weights})
    advice = [
        f"restore the files of {folder} from a copy; or delete the folder, and `fld loop {corpus}` trains another model"
        for folder in weights
    ]
    advice += [f"delete {folder}/{CALIBRATION}.json, and `fld loop {corpus}` fits it again" for folder in calibrations]
    return f"{count} damaged files, some of models, which --repair never touches: {'; '.join(advice)}"
