"""Trains florence2-nano from nothing on generated scenes.

    python -m stages.recipes.embedded.florence2_nano --cache CACHE --run RUN --out specialists/embedded/florence2-nano

Two phases: the vision tower alone with a dense scaffold (florence2_dense.py); then everything, with several lessons per
encoded picture and a second scaffold: each encoded cell of an object has to say the object's edges in location tokens,
so that the decoder only has to copy them (without it the model spoke well and pointed badly). Every few steps the
pictures are close-ups of single objects. The state after every `--keep` steps is kept beside the log, so that a
stopped run goes on; the saved checkpoint holds averaged weights (EMA) in half precision.
"""

import copy
import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from specialists.florence2_format import parse_regions
from stages.recipes.embedded.card import write_card
from stages.recipes.embedded.data import TRAIN_SEED, Drawn, drawn_scenes
from stages.recipes.embedded.florence2_batches import (
    WEIGHTS,
    DeviceSchool,
    School,
    draw_lessons,
    load_close_ups,
    load_school,
    normalized,
)
from stages.recipes.embedded.florence2_dense import build_head, build_place_head, dense_loss, place_loss
from stages.recipes.embedded.florence2_targets import scene_lessons
from stages.recipes.embedded.running import Deadline, Hybrid, note, recipe_parser, save_half, single_thread
from stages.retrain.build import SIZES, build_model, build_processor, learn_tokenizer
from stages.retrain.lessons import TokenizedLesson
from stages.retrain.loss import LessonModel, group_lessons
from stages.retrain.schedule import WARMUP, average_into, falling

Losses = dict[str, Any]
"""Scalars on the device: only those that are logged are waited for."""


@dataclass(frozen=True)
class Florence2Recipe:
    """The numbers of the recipe. `rate` is AdamW's. In both phases the rates warm up and then fall along a cosine, in
    phase two along one after the other (warm restarts; Loshchilov and Hutter 2017)."""

    seed: int = 1
    scenes: int = 4000
    look_steps: int = 1000
    look_batch: int = 32
    look_rate: float = 1e-3
    look_muon_rate: float = 0.02
    cycles: tuple[int, ...] = (1100, 850)
    batch: int = 16
    lessons: int = 4
    rate: float = 6e-4
    muon_rate: float = 0.01
    close_every: int = 6
    close_batch: int = 24
    place_share: float = 0.5
    dense_share: float = 0.5
    spread: float = 4.0
    ema: float = 0.998


class RecipeTrainer:
    """Model, scaffolds, averaged weights and pictures of one run, all on `device`; one process, one thread."""

    def __init__(
        self, plan: Florence2Recipe, processor: Any, school: School, close: School, device: str = "cpu"
    ) -> None:
        self.plan, self.device = plan, device
        self.school, self.close = school.to(device), close.to(device)
        self.tokenizer = processor.tokenizer
        self.model = build_model("nano", processor.tokenizer, plan.seed, ordinal_locations=True).to(device)
        width = self.model.config.text_config.d_model
        self.head, self.places = build_head(width).to(device), build_place_head(width).to(device)
        self.mean = copy.deepcopy(self.model)
        self.lessons: Any = LessonModel(self.model, self.tokenizer, plan.spread).to(device)
        self.step = 0

    def look(self, keep: int, folder: Path, stop: int) -> None:
        """Phase one: the tower and the projector learn what is where."""
        plan, core = self.plan, self.model.model
        seeing = [*core.vision_tower.named_parameters(), *core.multi_modal_projector.named_parameters()]
        optimizer = Hybrid(seeing, self.head.parameters(), plan.look_rate, plan.look_muon_rate)
        self.restore(folder, optimizer)
        while self.step < stop:
            rng = np.random.default_rng([plan.seed, 1, self.step])
            chosen = self._rows(rng.integers(len(self.school), size=plan.look_batch))
            loss = self._dense(self._features(self.school, chosen), chosen)
            optimizer.update(loss, falling(self.step, plan.look_steps))
            self._after(folder, optimizer, keep, stop, "look", {"loss": loss.detach()})

    def learn(self, keep: int, folder: Path, stop: int, deadline: Deadline | None = None) -> None:
        """Phase two: all weights, with the scaffolds' losses beside the answers' loss. Up to step `stop`, or until the
        deadline: then the rates fall with the time, if that is faster."""
        plan = self.plan
        scaffolds = [*self.head.parameters(), *self.places.parameters()]
        optimizer = Hybrid(self.model.named_parameters(), scaffolds, plan.rate, plan.muon_rate)
        self.restore(folder, optimizer)
        if self.step == plan.look_steps:
            self.mean.load_state_dict(self.model.state_dict())
        while self.step < stop:
            done = self.step - plan.look_steps
            place = done if deadline is None else deadline.place(done, sum(plan.cycles))
            if place >= sum(plan.cycles):
                self.keep(folder, optimizer)
                break
            rng = np.random.default_rng([plan.seed, 2, done])
            loss, losses = self._close(rng) if done % plan.close_every == 0 else self._whole(rng)
            optimizer.update(loss, min((done + 1) / WARMUP, cosines(place, plan.cycles)))
            average_into(self.mean, self.model, done, plan.ema)
            self._after(folder, optimizer, keep, stop, "learn", losses)

    def _whole(self, rng: np.random.Generator) -> tuple[Any, Losses]:
        """Loss of some lessons about whole scenes, and its parts."""
        plan = self.plan
        pictures = rng.integers(len(self.school), size=plan.batch)
        chosen = self._rows(pictures)
        features = self._features(self.school, chosen)
        asked = [
            (row, lesson)
            for row, picture in enumerate(pictures)
            for lesson in draw_lessons(self.school.asked[picture], WEIGHTS, plan.lessons, rng)
        ]
        dense, (spoken, memories) = self._dense(features, chosen), self._spoken(features, asked)
        placed = sum(self._placed(cells, chosen[rows]) for rows, cells in memories) / len(memories)
        losses = {"loss": spoken.detach(), "dense": dense.detach(), "placed": placed.detach()}
        return spoken + plan.dense_share * dense + plan.place_share * placed, losses

    def _close(self, rng: np.random.Generator) -> tuple[Any, Losses]:
        """Loss of the captions of close-ups."""
        pictures = rng.integers(len(self.close), size=self.plan.close_batch)
        asked = [(row, self.close.asked[picture][0]) for row, picture in enumerate(pictures)]
        spoken, _ = self._spoken(self._features(self.close, self._rows(pictures)), asked)
        return spoken, {"close": spoken.detach()}

    def _rows(self, pictures: NDArray[np.int64]) -> Any:
        """Numbers of pictures on the device."""
        import torch

        return torch.from_numpy(pictures).to(self.device)

    def _features(self, school: DeviceSchool, chosen: Any) -> Any:
        """[b, 1 + GRID * GRID, width]"""
        return self.model.get_image_features(normalized(school.pixels[chosen])).pooler_output

    def _dense(self, features: Any, chosen: Any) -> Any:
        return dense_loss(self.head(features[:, 1:]), self.school.cells[chosen])

    def _spoken(self, features: Any, asked: list[tuple[int, TokenizedLesson]]) -> tuple[Any, list[tuple[Any, Any]]]:
        """Mean loss per answer token, and per group of lessons (row of each, its encoded cells)."""
        lessons = [(row, lesson.prompt, lesson.target) for row, lesson in asked]
        total = sum(len(target) for _, _, target in lessons)
        spoken, memories = [], []
        for group in (group.to(self.device) for group in group_lessons(lessons, self.lessons.pad)):
            memory, mask = self.lessons.hear(features, group)
            spoken.append(self.lessons.say(group.labels, memory, mask).sum())
            memories.append((group.rows, memory[:, 1 : features.shape[1]]))
        return sum(spoken) / total, memories

    def _placed(self, cells: Any, pictures: Any) -> Any:
        """The place scaffold's loss for encoded cells [n, GRID * GRID, width] of some pictures."""
        first, near = self.lessons.first_place, self.lessons.near
        rows = self.model.get_input_embeddings().weight[first : first + len(near)]
        return place_loss(self.places(cells), self.school.cells[pictures], rows, near)

    def _after(self, folder: Path, optimizer: Hybrid, keep: int, stop: int, phase: str, losses: Losses) -> None:
        """Count the step, write a line every now and then, keep the state."""
        self.step += 1
        if self.step % 25 == 0:
            note(folder, phase=phase, step=self.step, **{name: loss.item() for name, loss in losses.items()})
        if self.step % keep == 0 or self.step == stop:
            self.keep(folder, optimizer)

    def keep(self, folder: Path, optimizer: Hybrid) -> None:
        """The whole state of the run, replaced in one move."""
        import torch

        state = {name: part.state_dict() for name, part in self._parts(optimizer).items()} | {"step": self.step}
        torch.save(state, folder / "state.part")
        (folder / "state.part").replace(folder / "state.pt")

    def restore(self, folder: Path, optimizer: Hybrid) -> None:
        """Go on from `keep`, if there is anything. A phase begins with a fresh optimizer."""
        import torch

        if not (folder / "state.pt").exists():
            return
        state = torch.load(folder / "state.pt", weights_only=True, map_location=self.device)
        self.step = int(state["step"])
        for name, part in self._parts(optimizer).items():
            if name != "optimizer" or self.step != self.plan.look_steps:
                part.load_state_dict(state[name])

    def _parts(self, optimizer: Hybrid) -> dict[str, Any]:
        model = {"model": self.model, "mean": self.mean}
        return model | {"head": self.head, "places": self.places, "optimizer": optimizer}


def reached(folder: Path) -> int:
    """The step up to which the run in `folder` is kept."""
    import torch

    kept = folder / "state.pt"
    return int(torch.load(kept, weights_only=True)["step"]) if kept.exists() else 0


def cosines(step: int, cycles: tuple[int, ...]) -> float:
    """Share of the full rates at a step of several cosines."""
    for length in cycles[:-1]:
        if step < length:
            return falling(step, length)
        step -= length
    return falling(step, cycles[-1])


def train(plan: Florence2Recipe, cache: Path, folder: Path, out: Path, keep: int, stop: int) -> None:
    """Run or continue the recipe up to step `stop` and save the averaged weights to `out`."""
    single_thread()
    folder.mkdir(parents=True, exist_ok=True)
    drawn = list(drawn_scenes(cache, TRAIN_SEED, 0, plan.scenes))
    processor = build_processor("nano", learn_tokenizer(_words(drawn), SIZES["nano"].vocabulary))
    school, close = load_school(drawn, processor.tokenizer), load_close_ups(drawn, processor.tokenizer)
    trainer = RecipeTrainer(plan, processor, school, close)
    (folder / "plan.json").write_text(json.dumps(asdict(plan), indent=2) + "\n")
    if reached(folder) < plan.look_steps:
        trainer.look(keep, folder, min(stop, plan.look_steps))
    if stop > plan.look_steps:
        trainer.learn(keep, folder, stop)
    save_half(trainer.mean, processor, out)
    parameters = sum(weights.numel() for weights in trainer.mean.parameters())
    write_card(out, "stages.recipes.embedded.florence2_nano", plan, folder, parameters)


def _words(drawn: list[Drawn]) -> Iterator[str]:
    """What the tokenizer learns from: prompts, captions, and every label on its own, as it stands after a place."""
    for scene in drawn:
        for lesson in scene_lessons(scene.record):
            yield lesson.prompt
            if "<loc_" in lesson.target:
                yield from {place.label for place in parse_regions(lesson.target)}
            else:
                yield lesson.target


def main() -> None:
    """Command line of the recipe."""
    parser = recipe_parser(__doc__)
    parser.add_argument("--keep", type=int, default=500)
    parser.add_argument("--stop", type=int, default=Florence2Recipe.look_steps + sum(Florence2Recipe.cycles))
    arguments = parser.parse_args()
    train(Florence2Recipe(), arguments.cache, arguments.run, arguments.out, arguments.keep, arguments.stop)


if __name__ == "__main__":
    main()
