"""Trains florence2-nano from nothing on generated scenes.

    python -m stages.scenes.recipes.florence2_nano --cache CACHE --out specialists/embedded/florence2-nano

Three phases: the vision tower alone with a dense scaffold (florence2_dense.py); then everything, with several lessons
per encoded picture, after which it speaks well and points badly; then with a second scaffold: each encoded cell of an
object has to say the object's edges in location tokens, so that the decoder only has to copy them. The state after
every `--keep` steps is kept beside the log, so that a stopped run goes on; the saved checkpoint holds averaged weights
(EMA) in half precision.
"""

import argparse
import copy
import json
import logging
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from specialists.florence2_format import parse_regions
from stages.retrain.loss import LessonModel, group_lessons
from stages.retrain.schedule import average_into, falling
from stages.scenes.recipes.card import write_card
from stages.scenes.recipes.data import TRAIN_SEED, Drawn, scenes
from stages.scenes.recipes.florence2_batches import (
    PLACING,
    SPEAKING,
    Asked,
    School,
    draw_lessons,
    load_school,
    normalized,
)
from stages.scenes.recipes.florence2_build import build_model, build_processor
from stages.scenes.recipes.florence2_dense import build_head, build_place_head, dense_loss, place_loss
from stages.scenes.recipes.florence2_targets import lessons
from stages.scenes.recipes.running import note, single_thread, update


@dataclass(frozen=True)
class Plan:
    """The numbers of the recipe. Rates are for AdamW; both phases warm up and then fall along a cosine."""

    seed: int = 1
    look_scenes: int = 3500
    scenes: int = 4000
    look_steps: int = 1000
    look_batch: int = 32
    look_rate: float = 1e-3
    steps: int = 2500
    batch: int = 16
    lessons: int = 4
    rate: float = 6e-4
    place_steps: int = 1800
    place_rate: float = 5e-4
    place_share: float = 0.5
    dense_share: float = 0.5
    spread: float = 4.0
    ema: float = 0.998


class Trainer:
    """Model, scaffold and averaged weights of one run; one process, one thread."""

    def __init__(self, plan: Plan, processor: Any, school: School) -> None:
        self.plan, self.school = plan, school
        self.tokenizer = processor.tokenizer
        self.model = build_model(processor, plan.seed)
        width = self.model.config.text_config.d_model
        self.head, self.places = build_head(width), build_place_head(width)
        self.mean = copy.deepcopy(self.model)
        self.lessons: Any = LessonModel(self.model, self.tokenizer, plan.spread)
        self.step = 0

    def look(self, folder: Path) -> None:
        """Phase one: the tower and the projector learn what is where."""
        plan, core = self.plan, self.model.model
        weights = [*core.vision_tower.parameters(), *core.multi_modal_projector.parameters(), *self.head.parameters()]
        optimizer = _adamw(weights, plan.look_rate)
        rng = np.random.default_rng([plan.seed, 1])
        for step in range(plan.look_steps):
            chosen = rng.integers(len(self.school), size=plan.look_batch)
            loss = self._dense(self._features(chosen), chosen)
            update(loss, weights, optimizer, plan.look_rate * falling(step, plan.look_steps))
            if step % 50 == 0:
                note(folder, phase="look", step=step, loss=loss.item())
        self.mean = copy.deepcopy(self.model)

    def learn(self, keep: int, folder: Path, optimizer: Any, stop: int) -> None:
        """Phases two and three, up to step `stop`: all weights, with the scaffolds' losses beside the answers' loss."""
        plan = self.plan
        placing = self.step >= plan.steps
        weights, tasks = self.weights(), PLACING if placing else SPEAKING
        while self.step < stop:
            rng = np.random.default_rng([plan.seed, 2, self.step])
            chosen = rng.integers(len(self.school), size=plan.batch)
            features = self._features(chosen)
            asked = [
                (row, lesson)
                for row, picture in enumerate(chosen)
                for lesson in draw_lessons(self.school.asked[picture], tasks, plan.lessons, rng)
            ]
            dense, (spoken, placed) = self._dense(features, chosen), self._spoken(features, asked, chosen)
            loss = spoken + plan.dense_share * dense + (plan.place_share * placed if placing else 0.0)
            update(loss, weights, optimizer, self._rate())
            average_into(self.mean, self.model, self.step, plan.ema)
            self.step += 1
            if self.step % 25 == 0:
                losses = {"loss": spoken.item(), "dense": dense.item(), "placed": placed.item()}
                note(folder, phase="place" if placing else "learn", step=self.step, **losses)
            if self.step % keep == 0 or self.step == stop:
                self.keep(folder, optimizer)

    def weights(self) -> list[Any]:
        """All that is learned after phase one."""
        return [*self.model.parameters(), *self.head.parameters(), *self.places.parameters()]

    def _rate(self) -> float:
        plan = self.plan
        if self.step < plan.steps:
            return plan.rate * falling(self.step, plan.steps)
        return plan.place_rate * falling(self.step - plan.steps, plan.place_steps)

    def _features(self, chosen: Any) -> Any:
        """[b, 1 + GRID * GRID, width]"""
        return self.model.get_image_features(normalized(self.school.pixels[chosen])).pooler_output

    def _dense(self, features: Any, chosen: Any) -> Any:
        import torch

        return dense_loss(self.head(features[:, 1:]), torch.from_numpy(self.school.cells[chosen]))

    def _spoken(self, features: Any, asked: list[tuple[int, Asked]], chosen: Any) -> tuple[Any, Any]:
        """Mean loss per answer token, and the mean loss of the cells that say their places."""
        lessons = [(row, lesson.prompt, lesson.target) for row, lesson in asked]
        total = sum(len(target) for _, _, target in lessons)
        spoken, placed = [], []
        for group in group_lessons(lessons, self.lessons.pad):
            memory, mask = self.lessons.hear(features, group)
            spoken.append(self.lessons.say(group.labels, memory, mask).sum())
            placed.append(self._placed(memory[:, 1 : features.shape[1]], chosen[group.rows.numpy()]))
        return sum(spoken) / total, sum(placed) / len(placed)

    def _placed(self, cells: Any, pictures: Any) -> Any:
        """The place scaffold's loss for encoded cells [n, GRID * GRID, width] of some pictures."""
        import torch

        first, near = self.lessons.first_place, self.lessons.near
        rows = self.model.get_input_embeddings().weight[first : first + len(near)]
        return place_loss(self.places(cells), torch.from_numpy(self.school.cells[pictures]), rows, near)

    def keep(self, folder: Path, optimizer: Any) -> None:
        """The whole state of the run, replaced in one move."""
        import torch

        state = {name: part.state_dict() for name, part in self._parts(optimizer).items()} | {"step": self.step}
        torch.save(state, folder / "state.part")
        (folder / "state.part").replace(folder / "state.pt")

    def restore(self, folder: Path, optimizer: Any) -> None:
        """Go on from `keep`. A phase begins with a fresh optimizer and, the third, with a fresh scaffold."""
        import torch

        state = torch.load(folder / "state.pt", weights_only=True)
        self.step = int(state["step"])
        parts = self._parts(optimizer)
        fresh = {"optimizer", "places"} if self.step == self.plan.steps else set()
        for name in parts.keys() - fresh:
            parts[name].load_state_dict(state[name])

    def _parts(self, optimizer: Any) -> dict[str, Any]:
        model = {"model": self.model, "mean": self.mean}
        return model | {"head": self.head, "places": self.places, "optimizer": optimizer}


def _adamw(weights: list[Any], rate: float) -> Any:
    import torch

    return torch.optim.AdamW(weights, lr=rate, betas=(0.9, 0.98), weight_decay=0.01)


def save(model: Any, processor: Any, out: Path) -> None:
    """The checkpoint in `save_pretrained` form, weights in half precision."""
    processor.tokenizer.backend_tokenizer.no_truncation()
    processor.tokenizer.backend_tokenizer.no_padding()
    copy.deepcopy(model).half().save_pretrained(out)
    processor.save_pretrained(out)


def train(plan: Plan, cache: Path, folder: Path, out: Path, keep: int, stop: int) -> None:
    """Run or continue the recipe up to step `stop` and save the averaged weights to `out`."""
    single_thread()
    folder.mkdir(parents=True, exist_ok=True)
    drawn = list(scenes(cache, TRAIN_SEED, 0, plan.look_scenes))
    processor = build_processor(_words(drawn))
    trainer = Trainer(plan, processor, load_school(drawn, processor.tokenizer))
    (folder / "plan.json").write_text(json.dumps(asdict(plan), indent=2) + "\n")
    if not (folder / "state.pt").exists():
        trainer.look(folder)
        trainer.keep(folder, _adamw(trainer.weights(), plan.rate))
    trainer.school = load_school(scenes(cache, TRAIN_SEED, 0, plan.scenes), processor.tokenizer)
    for end in (plan.steps, plan.steps + plan.place_steps):
        optimizer = _adamw(trainer.weights(), plan.rate)
        trainer.restore(folder, optimizer)
        trainer.learn(keep, folder, optimizer, min(stop, end))
    save(trainer.mean, processor, out)
    write_card(
        out, "stages.scenes.recipes.florence2_nano", plan, folder, sum(w.numel() for w in trainer.mean.parameters())
    )


def _words(drawn: list[Drawn]) -> Iterator[str]:
    """What the tokenizer learns from: prompts, captions, and every label on its own, as it stands after a place."""
    for scene in drawn:
        for lesson in lessons(scene.record):
            yield lesson.prompt
            if "<loc_" in lesson.target:
                yield from {place.label for place in parse_regions(lesson.target)}
            else:
                yield lesson.target


def main() -> None:
    """Command line of the recipe."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cache", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--run", type=Path, required=True, help="folder of the log and of the state to go on from")
    parser.add_argument("--keep", type=int, default=500)
    parser.add_argument("--stop", type=int, default=Plan.steps + Plan.place_steps)
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    train(Plan(), arguments.cache, arguments.run, arguments.out, arguments.keep, arguments.stop)


if __name__ == "__main__":
    main()
