"""What ordinal location tokens gain in training from nothing: python -m tests.benchmarks.bench_ordinal CACHE

Trains two untrained models per seed, equal but for `ordinal_locations`, on the same scenes in the same order. Prints a
line per look and run: held-out loss per location token and per other token of <OD> (plain cross-entropy,
nats), and the share of gold boxes that greedy <OD> answers find (IoU 0.5), label aside and with it.

Made cheap: pictures are encoded once by the embedded model's tower, which is not trained; only the language part
starts from nothing. Scenes of one or two objects; one task. CACHE is that of `python -m stages.recipes.embedded.data`;
what is missing there is drawn.
"""

import argparse
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from shards.geometry import iou_matrix
from shards.record import Record
from specialists.florence2_format import BINS, PROMPTS, dequantize, parse_regions
from specialists.weights import EMBEDDED_FOLDER
from stages.evaluate.match import MATCH_IOU
from stages.recipes.embedded.data import TRAIN_SEED, TUNE_SEED, Drawn, drawn_scenes
from stages.retrain import build
from stages.retrain.lessons import LessonMaker, TokenizedLesson
from stages.retrain.loss import LessonModel, LessonTensors, group_lessons
from stages.retrain.schedule import falling
from stages.retrain.settings import RetrainSettings

MOST_OBJECTS = 2
BATCH, RATE, WARMUP = 32, 1e-3, 50
HELD, ANSWER = 128, 24
"""Held-out scenes, and tokens of a generated answer."""


@dataclass(frozen=True, eq=False)
class Lessons:
    """features float32 [n, image tokens, width], the <OD> lesson and the gold of every scene."""

    features: torch.Tensor
    asked: list[TokenizedLesson]
    records: list[Record]


def main() -> None:
    """All runs, one after another."""
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("cache", type=Path)
    arguments.add_argument("--scenes", type=int, default=4000, help="drawn scenes that are looked through")
    arguments.add_argument("--steps", type=int, default=800)
    arguments.add_argument("--looks", type=int, default=2, help="how often the held-out scenes are measured")
    arguments.add_argument("--seeds", type=int, nargs="+", default=[1, 2])
    arguments.add_argument("--spread", type=float, default=0.0, help="location_spread of the loss trained with")
    chosen = arguments.parse_args()
    torch.set_num_threads(1)
    drawn = _simple(chosen.cache, TRAIN_SEED, chosen.scenes)
    labels = [label for scene in drawn for label, _ in _objects(scene.record)]
    tokenizer = build.learn_tokenizer([*PROMPTS.values(), *PROMPTS.values(), *labels], 1000)
    train = _lessons(drawn, tokenizer)
    held = _lessons(_simple(chosen.cache, TUNE_SEED, 1000)[:HELD], tokenizer)
    print(f"{len(drawn)} scenes, {len(held.records)} held out, spread {chosen.spread:g}")
    print("| seed | location tokens | steps | loss per location | loss per other token | boxes found | with label |")
    print("|---|---|---|---|---|---|---|", flush=True)
    for seed in chosen.seeds:
        for ordinal in (False, True):
            model = build.build_model("nano", tokenizer, seed, ordinal_locations=ordinal)
            module = LessonModel(model, tokenizer, chosen.spread)
            began = time.process_time()
            for step in _train(module, train, chosen.steps, chosen.steps // chosen.looks, seed):
                places, others = held_out_loss(module, held)
                found = recall(model, tokenizer, held)
                print(
                    f"| {seed} | {'ordinal' if ordinal else 'random'} | {step} | {places:.3f} | {others:.3f}"
                    f" | {found[0]:.3f} | {found[1]:.3f} | <!-- {time.process_time() - began:.0f} s of CPU -->",
                    flush=True,
                )


def _simple(cache: Path, seed: int, count: int) -> list[Drawn]:
    return [scene for scene in drawn_scenes(cache, seed, 0, count) if 1 <= len(_objects(scene.record)) <= MOST_OBJECTS]


def _objects(record: Record) -> list[tuple[str, tuple[float, float, float, float]]]:
    return [(region.candidates[0].text, region.box) for region in record.regions if region.kind == "object"]


@torch.no_grad()
def _lessons(drawn: Sequence[Drawn], tokenizer: Any) -> Lessons:
    import transformers

    library: Any = transformers
    folder = EMBEDDED_FOLDER / "florence2-nano"
    seer = library.Florence2ForConditionalGeneration.from_pretrained(folder, dtype=torch.float32).eval()
    images = library.AutoProcessor.from_pretrained(folder).image_processor
    features = []
    for start in range(0, len(drawn), 32):
        pixels = images(images=[scene.image() for scene in drawn[start : start + 32]], return_tensors="pt")
        features.append(seer.get_image_features(pixels["pixel_values"]).pooler_output)
    examiner = LessonMaker(tokenizer, RetrainSettings(tasks=["<OD>"]), 128, 256)
    records = [scene.record for scene in drawn]
    return Lessons(torch.cat(features), [examiner.asked(record)[0] for record in records], records)


def _groups(lessons: Lessons, rows: NDArray[np.int64], pad: int) -> list[LessonTensors]:
    asked = [lessons.asked[row] for row in rows]
    return group_lessons([(place, one.prompt, one.target) for place, one in enumerate(asked)], pad, groups=1)


def _train(module: LessonModel, lessons: Lessons, steps: int, every: int, seed: int) -> Iterator[int]:
    """Yields the number of steps done, every `every` steps."""
    trained = list(module.model.model.language_model.parameters())
    optimizer = torch.optim.AdamW(trained, weight_decay=0.01, lr=RATE, betas=(0.9, 0.98))
    for step in range(steps):
        rows = np.random.default_rng([seed, step]).integers(len(lessons.records), size=BATCH)
        module.train()
        losses, tokens = module.losses(lessons.features[rows], _groups(lessons, rows, module.pad))
        optimizer.zero_grad(set_to_none=True)
        loss: Any = losses.sum() / tokens.sum()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(trained, 1.0)
        for group in optimizer.param_groups:
            group["lr"] = RATE * falling(step, steps, WARMUP)
        optimizer.step()
        if (step + 1) % every == 0:
            module.eval()
            yield step + 1


@torch.no_grad()
def held_out_loss(module: LessonModel, lessons: Lessons) -> tuple[float, float]:
    """(mean loss per location token, per other token) of all lessons."""
    sums, counts, first = torch.zeros(2), torch.zeros(2), module.first_place
    for start in range(0, len(lessons.records), 32):
        rows = np.arange(start, min(start + 32, len(lessons.records)))
        features = lessons.features[rows]
        for group in _groups(lessons, rows, module.pad):
            memory, mask = module.hear(features, group)
            heard = group.labels.roll(1, dims=1)
            heard[:, 0] = module.model.config.text_config.decoder_start_token_id
            hidden = module.model.model.language_model.decoder(
                input_ids=heard, encoder_hidden_states=memory, encoder_attention_mask=mask, use_cache=False
            ).last_hidden_state
            wanted = group.labels[group.labels != module.pad]
            logits = module.model.lm_head(hidden[group.labels != module.pad])
            losses = torch.nn.functional.cross_entropy(logits, wanted, reduction="none")
            place = (wanted >= first) & (wanted < first + BINS)
            sums += torch.stack([losses[place].sum(), losses[~place].sum()])
            counts += torch.stack([place.sum(), (~place).sum()])
    places, others = (sums / counts).tolist()
    return places, others


@torch.no_grad()
def recall(model: Any, tokenizer: Any, lessons: Lessons) -> tuple[float, float]:
    """Shares of gold boxes that an <OD> answer finds: label aside, and with the right label."""
    question = tokenizer(f"<s>{PROMPTS['<OD>']}</s>", add_special_tokens=False)["input_ids"]
    asked = model.get_input_embeddings()(torch.tensor([question] * len(lessons.records)))
    memory = model.model.language_model.encoder(inputs_embeds=torch.cat([lessons.features, asked], dim=1))
    answers = model.generate(encoder_outputs=memory, max_new_tokens=ANSWER, do_sample=False)
    found, labelled, total = 0, 0, 0
    for text, record in zip(tokenizer.batch_decode(answers), lessons.records, strict=True):
        gold, said = _objects(record), parse_regions(text)
        boxes = [tuple(dequantize(place.bins, record.width, record.height)) for place in said]
        hits = iou_matrix([box for _, box in gold], boxes) >= MATCH_IOU
        right = np.array([[place.label == label for place in said] for label, _ in gold], dtype=bool).reshape(
            hits.shape
        )
        found, labelled = found + int(hits.any(axis=1).sum()), labelled + int((hits & right).any(axis=1).sum())
        total += len(gold)
    return found / total, labelled / total


if __name__ == "__main__":
    main()
