"""How well the likelihood of a caption, as the loop's model sees it, tells right captions from wrong ones.

    python -m tests.benchmarks.bench_judge [--weights embedded:florence2-nano] [--count 60] [--seed 31000]

Every scene's caption is judged, that of another scene (what `fld scenes --noisy` gives for a wrong one), and its own
with one noun exchanged (what a weak captioner says). What decides is the ratio of its likelihood to that of the model's
own text: below `fuse.likelihood_ratio` a caption is dropped. Precision and recall are of finding wrong captions where
`NoiseSettings.wrong_caption` of all captions are wrong.
"""

import argparse
import re
from collections.abc import Sequence

import numpy as np
import torch

from shards.finding import Caption, Match
from specialists.florence2_generalist import Florence2GeneralistSettings
from stages.annotate.generalist import GeneralistSettings, GeneralistStage
from stages.scenes.gold import draw_scene
from stages.scenes.kinds import NAMES
from stages.scenes.settings import NoiseSettings
from stages.stage import Item

THRESHOLDS = (0.1, 0.15, 0.2, 0.25, 0.3, 0.35, 0.4, 0.5, 0.6, 0.8)
RIGHT, OTHER, NOUN = "right", "of another scene", "one wrong noun"


def main() -> None:
    asked = _arguments()
    torch.set_num_threads(1)
    ratios = _ratios(asked.weights, asked.seed, asked.count)
    print(f"{asked.weights}, {asked.count} scenes of seed {asked.seed}; ratio to the likelihood of the own text\n")
    print("| captions | number | 5% | median | 95% | AUC |\n|---|---|---|---|---|---|")
    for name, values in ratios.items():
        low, middle, high = np.quantile(values, [0.05, 0.5, 0.95])
        auc = "" if name == RIGHT else f"{_auc(ratios[RIGHT], values):.3f}"
        print(f"| {name} | {len(values)} | {low:.2f} | {middle:.2f} | {high:.2f} | {auc} |")
    share = NoiseSettings().wrong_caption
    print("\n| ratio | right ones lost | precision | recall | recall, one noun |\n|---|---|---|---|---|")
    for limit in THRESHOLDS:
        lost, found, nouns = (float(np.mean(np.array(ratios[name]) < limit)) for name in (RIGHT, OTHER, NOUN))
        hits, misses = share * found, (1 - share) * lost
        precision = hits / (hits + misses) if hits + misses else float("nan")
        print(f"| {limit} | {lost:.3f} | {precision:.3f} | {found:.3f} | {nouns:.3f} |")


def _ratios(weights: str, seed: int, count: int) -> dict[str, list[float]]:
    """Kind of caption -> likelihood divided by that of the model's own text, per scene."""
    specialist = Florence2GeneralistSettings(weights=weights)
    stage = GeneralistStage(GeneralistSettings(specialist=specialist, tasks=["<CAPTION>"]), "generalist")
    stage.load()
    scenes = [draw_scene(seed, index) for index in range(count)]
    texts = [scene.record.texts[0].text for scene in scenes]
    found: dict[str, list[float]] = {RIGHT: [], OTHER: [], NOUN: []}
    for index, scene in enumerate(scenes):
        other = next((text for text in texts[index + 1 :] + texts[:index] if text != texts[index]), "")
        said = [texts[index], other, _with_another_noun(texts[index], index)]
        given = [Caption(text, granularity="brief") for text in said]
        [findings] = stage.run([Item(str(index), scene.image, {"given": given})])
        scores = {each.about: each.score for each in findings if isinstance(each, Match)}
        own = scores["generalist/0"]
        for name, text, position in zip(found, said, range(3), strict=True):
            score = scores.get(f"given/{position}")
            if own and score is not None and (name == RIGHT or text != texts[index]):
                found[name].append(score / own)
    return found


def _with_another_noun(text: str, index: int) -> str:
    """The first kind of object that it names is exchanged; the text itself if it names none."""
    nouns = re.compile(r"\b(" + "|".join(sorted(NAMES, key=len, reverse=True)) + r")\b")
    found = nouns.search(text)
    if found is None:
        return text
    other = NAMES[(NAMES.index(found.group()) + 1 + index % (len(NAMES) - 1)) % len(NAMES)]
    return text[: found.start()] + other + text[found.end() :]


def _auc(right: Sequence[float], wrong: Sequence[float]) -> float:
    """Chance that a right caption has a higher ratio than a wrong one; ties count half."""
    a, b = np.array(right)[:, None], np.array(wrong)[None, :]
    return float(np.mean((a > b) + 0.5 * (a == b)))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--weights", default="embedded:florence2-nano")
    parser.add_argument("--count", type=int, default=60)
    parser.add_argument("--seed", type=int, default=31000)
    return parser.parse_args()


if __name__ == "__main__":
    main()
