"""Trains all embedded checkpoints from nothing and measures them: `make embedded`.

    python -m stages.recipes.embedded --work build/embedded [--gpu]

Some three hours and a half on one idle core, without florence2-nano's last phase: that wants a GPU for seven minutes,
and is run where `--gpu` says so. Stopped and started again, it draws no scene twice, goes on with
florence2-nano where it was, and skips what is done. Run again in November 2026, with florence2-nano from the last state
of its first run, yolo-nano and sam-nano came out as the same bytes, clip-nano with other token numbers (no longer left
to chance since) and equal scores (label 0.911, was 0.904).
"""

import argparse
import logging
import subprocess
import sys
from pathlib import Path

from specialists.weights import EMBEDDED_FOLDER

RECIPES = {
    "yolo-nano": ("yolo_nano",),
    "clip-nano": ("clip_nano",),
    "sam-nano": ("sam_nano",),
    "florence2-nano": ("florence2_nano", "florence2_zoom"),
}
"""Checkpoint -> its trainings, each from where the one before ended."""
ON_A_GPU = ("--plan", "gpu", "--device", "cuda", "--workers", "12", "--stop-after-s", "400")
"""How florence2-nano is trained on, where there is one."""


def main() -> None:
    """Every recipe in a process of its own, one after the other; then all measures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--work", type=Path, required=True, help="folder of drawn scenes, logs and finished checkpoints"
    )
    parser.add_argument("--embedded", type=Path, default=EMBEDDED_FOLDER, help="where the checkpoints go in the end")
    parser.add_argument("--gpu", action="store_true", help="florence2-nano's last phase, too, on CUDA")
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    cache, work = arguments.work / "scenes", arguments.work
    for name, modules in RECIPES.items():
        _train(name, modules, cache, work)
    finished = dict.fromkeys(RECIPES, work / "done")
    if arguments.gpu:
        finished["florence2-nano"] = _train_on_a_gpu(cache, work)
    for name, folder in finished.items():
        _python("stages.recipes.embedded.measure", name, "--cache", cache, "--embedded", folder)
    for name, folder in finished.items():
        _replace(folder / name, arguments.embedded / name)
    _python("stages.recipes.embedded.page", "--embedded", arguments.embedded)


def _train(name: str, modules: tuple[str, ...], cache: Path, work: Path) -> None:
    """The trainings of a checkpoint that are not done, the last one into `work`/done."""
    start: list[str | Path] = []
    for module in modules:
        out = work / ("done" if module == modules[-1] else module) / name
        run = work / name if module == modules[0] else work / f"{module}-run"
        if not (out / "card.json").exists():
            recipe = f"stages.recipes.embedded.{module}"
            _python(recipe, "--cache", cache, "--run", run, "--out", out, *start)
        start = ["--start", out]


def _train_on_a_gpu(cache: Path, work: Path) -> Path:
    """florence2-nano's last phase. The folder in which its checkpoint is."""
    start, out, run = work / "done" / "florence2-nano", work / "gpu" / "florence2-nano", work / "gpu-run"
    if not (out / "card.json").exists():
        where = ("--cache", cache, "--run", run, "--out", out, "--start", start)
        _python("stages.recipes.embedded.florence2_zoom", *where, *ON_A_GPU)
    return work / "gpu"


def _python(module: str, *arguments: str | Path) -> None:
    logging.info("%s", module)
    subprocess.run([sys.executable, "-m", module, *map(str, arguments)], check=True)


def _replace(source: Path, target: Path) -> None:
    """The files of a finished checkpoint instead of those that are shipped."""
    import shutil

    if target.exists():
        shutil.rmtree(target)
    shutil.copytree(source, target)


if __name__ == "__main__":
    main()
