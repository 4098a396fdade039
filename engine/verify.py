"""`fld verify`: every committed file against its checksum; with `--repair`, what is damaged is made again."""

from engine.config_text import ConfigError
from engine.rounds import repair_units
from engine.terminal import out
from shards.commit import CorpusError
from shards.store import open_store
from shards.verify import retire
from shards.verify import verify as verify_units


class DamageError(CorpusError):
    """Damaged files were found, and left as they are."""


def verify(corpus: str, *, repair: bool) -> None:
    """Print what is damaged. Raises DamageError if something is, and `repair` did not mend it."""
    store = open_store(corpus)
    report = verify_units(store)
    for damage in report.damages:
        out.print(f"[red]damaged[/] {damage}")
    for orphan in report.orphans:
        out.print(f"[yellow]left over[/] {orphan}: no manifest names it; the next run writes over it")
    out.print(f"{report.units:,} units, {report.files:,} files, {report.bytes / 1e6:,.1f} MB read")
    if report.units == 0 and report.ok:
        raise ConfigError(f"{corpus} holds no units: is this a corpus folder?")
    if report.ok:
        return
    if not repair:
        raise DamageError(
            f"{len(report.damages)} damaged files: `fld verify {corpus} --repair` rebuilds only the units they are in"
        )
    repair_units(corpus, lambda: retire(store, report.damages))
    remaining = verify_units(store)
    if not remaining.ok:
        raise DamageError(f"still damaged after the repair: {remaining.damages[0]}")
    out.print("Repaired: every unit was read again and is as its manifest says.")
