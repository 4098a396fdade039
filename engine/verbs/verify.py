"""`fld verify`: every committed file against its checksum; with `--repair`, what is damaged is made again.

A damaged model is not: training again gives another one, whose labels are others. While there is one, nothing is
repaired, since rounds that it wrote would be written with what is left of it.
"""

from engine.api.rounds import repair as repair_units
from engine.config.config_text import ConfigError
from engine.promotions import CALIBRATION
from engine.terminal import out
from engine.verbs.printing import printer
from shards.errors import DamageError
from shards.store import open_store
from shards.verify import UnitDamage, retire
from shards.verify import verify as verify_units


def verify(corpus: str, *, repair: bool) -> None:
    """Print what is damaged. Raises DamageError if something is, and `repair` did not mend it."""
    store = open_store(corpus)
    report = verify_units(store)
    for damage in report.damages:
        out.print(f"[red]damaged[/] {damage}")
    for orphan in report.orphans:
        out.print(f"[yellow]left over[/] {orphan}: no manifest names it; the next run writes over it")
    for folder in report.unsealed:
        out.print(f"[yellow]not checked[/] {folder}: an older release trained it and left no checksums")
    out.print(f"{report.units:,} units, {report.files:,} files, {report.bytes / 1e6:,.1f} MB read")
    if report.units == 0 and report.ok:
        raise ConfigError(f"{corpus} holds no units: is this a corpus folder?")
    if report.ok:
        return
    if report.of_models:
        raise DamageError(_about_models(corpus, report.of_models, len(report.damages)))
    if not repair:
        raise DamageError(
            f"{len(report.damages)} damaged files: `fld verify {corpus} --repair` rebuilds only the units they are in"
        )
    repair_units(corpus, lambda: retire(store, report.damages), printer(corpus))
    remaining = verify_units(store)
    if not remaining.ok:
        raise DamageError(f"still damaged after the repair: {remaining.damages[0]}")
    out.print("Repaired: every unit was read again and is as its manifest says.")


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
