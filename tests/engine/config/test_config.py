"""Profiles, files, the corpus's own settings, and the columns that follow from them."""

import re
from operator import attrgetter
from pathlib import Path

import pytest

from engine.config.config import PROFILES, Config, load, save
from engine.config.config_text import ConfigError, parse, to_yaml, validate
from engine.runtime.plan import columns, needs
from filters.settings import FilterSettings
from shards.settings import leaves, off_of
from shards.store import open_store
from specialists.roles import MissingRequirementError
from stages.annotate.build import Annotator, build_stage
from stages.scenes.kinds import NAMES
from stages.stage import Stage
from tests.engine.fakes import FakeStage

OPEN_NEEDS = {
    "captioner": (),
    "detector": (),
    "words": (),
    "crops": ("detector", "given"),
    "phrases": ("captioner", "given"),
    "masks": ("detector", "phrases", "given"),
    "matches": ("detector", "crops", "given"),
}


def test_every_profile_loads_and_reads_back_from_its_own_printout() -> None:
    profiles = sorted(path.stem for path in PROFILES.glob("*.yaml"))
    assert profiles == ["embedded", "open", "paper"]
    for profile in profiles:
        config = load(profile, [])
        assert validate(Config, parse(to_yaml(config), profile), profile) == config


def test_the_embedded_profile_corrects_labels_to_the_kinds_of_its_scenes() -> None:
    assert sorted(load("embedded", []).fuse.labels) == sorted(NAMES)


def test_every_hub_checkpoint_of_the_open_profile_is_pinned() -> None:
    settings = [annotator.specialist for annotator in load("open", []).annotators.values()]
    hub = [each for each in settings if "/" in str(getattr(each, "weights", ""))]
    assert len(hub) == 6
    assert all(getattr(each, "revision", None) for each in hub)


@pytest.mark.parametrize("profile", ["embedded", "open", "paper"])
def test_annotators_of_one_checkpoint_share_actors_so_that_it_is_loaded_once(profile: str) -> None:
    asks_florence = [one for one in load(profile, []).annotators.values() if one.specialist.backend == "florence2"]
    assert len(asks_florence) >= 2
    [group] = {one.resources.group for one in asks_florence}
    assert group is not None


def test_the_paper_profile_has_the_rules_that_the_paper_names_and_no_others() -> None:
    paper, filters = load("paper", []), load("paper", []).filters
    assert load("open", []).model_copy(update={"filters": filters}) == paper
    rules = {path: off for path, field in leaves(FilterSettings) if (off := off_of(field)) is not None}
    on = {path for path, off in rules.items() if attrgetter(path)(filters) != off.value}
    assert on == {
        "text.max_objects", "text.min_object_complexity", "text.min_action_complexity",
        "region.min_score", "region.nms_iou", "ocr.min_score", "ocr.nms_iou", "ocr.nms_iou_any_label",
        "phrase.min_score", "phrase.min_box_score", "phrase.pronouns", "phrase.abstract",
    }  # fmt: skip


def test_a_file_may_change_a_profile(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text("extends: open\nannotators: {detector: {specialist: {score_floor: 0.2}}}\n")
    changed = load(str(path), ["filters.region.min_side=9"])
    assert changed.filters.region.min_side == 9
    detector = load("open", []).annotators["detector"]
    specialist = detector.specialist.model_copy(update={"score_floor": 0.2})
    assert changed.annotators["detector"] == detector.model_copy(update={"specialist": specialist})
    assert {**changed.annotators, "detector": detector} == load("open", []).annotators


@pytest.mark.parametrize("base", ["mine", "[open]"])
def test_only_a_profile_can_be_extended(tmp_path: Path, base: str) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(f"extends: {base}\n")
    with pytest.raises(ConfigError, match=r"extends: must be the name of a profile \(embedded, open, paper\)"):
        load(str(path), [])


def test_needs_follow_from_roles() -> None:
    annotators = load("open", []).annotators
    assert {name: needs(name, annotators) for name in annotators} == OPEN_NEEDS


def test_a_changed_setting_changes_its_column_and_those_that_need_it() -> None:
    def fingerprints(*assignments: str) -> dict[str, str]:
        return {column.name: column.fingerprint for column in columns(load("open", list(assignments)).annotators)}

    before, after = fingerprints(), fingerprints("annotators.detector.specialist.dtype=bfloat16")
    assert {name for name in before if before[name] != after[name]} == {"detector", "crops", "masks", "matches"}
    assert fingerprints("annotators.detector.resources.batch_size=2") == before


def test_all_that_annotators_miss_is_said_at_once() -> None:
    def build(annotator: Annotator, name: str) -> Stage:
        if name in {"detector", "masks"}:
            raise MissingRequirementError(f"{annotator.role} needs a package")
        return build_stage(annotator, name)

    with pytest.raises(MissingRequirementError, match=r"^detector needs a package; segmenter needs a package$"):
        columns(load("open", []).annotators, build)


@pytest.mark.parametrize(
    ("specialist", "costs"),
    [
        ("{backend: openai, model: m, base_url: 'http://localhost:1/v1'}", True),
        ("{backend: custom, factory: 'mine:Describer'}", True),
        ("{backend: image_text_to_text, weights: here}", False),
    ],
)
def test_a_describer_may_cost_money_unless_it_is_a_model_on_this_machine(
    tmp_path: Path, specialist: str, costs: bool
) -> None:
    (tmp_path / "mine.yaml").write_text(f"annotators:\n  long: {{role: describer, specialist: {specialist}}}\n")
    made = columns(load(str(tmp_path / "mine.yaml"), []).annotators, lambda annotator, name: FakeStage())
    assert [column.is_paid for column in made] == [costs]


def test_the_corpus_keeps_its_settings_and_set_stays(tmp_path: Path) -> None:
    store = open_store(str(tmp_path))
    save(load("open", ["ingest.shard_size=7"], store), store)
    assert load(None, [], store).ingest.shard_size == 7
    save(load(None, ["filters.region.min_score=0.6"], store), store)
    kept = load(None, [], store)
    assert (kept.ingest.shard_size, kept.filters.region.min_score) == (7, 0.6)
    assert "captioner" in load("open", [], store).annotators


def test_what_is_neither_file_nor_profile_is_named_with_what_there_is() -> None:
    with pytest.raises(ConfigError, match=r"config opne: neither a file nor a profile \(embedded, open, paper\)"):
        load("opne", [])


def test_a_mistyped_key_deep_in_an_annotator_is_found() -> None:
    with pytest.raises(ConfigError, match=r"annotators\.detector\.specialist\.wieghts: unknown key, did you mean 'wei"):
        load("open", ["annotators.detector.specialist.wieghts=x"])
    with pytest.raises(ConfigError, match=r"filters\.region\.min_scor: unknown key, did you mean 'min_score'\?"):
        load("open", ["filters.region.min_scor=0.4"])


@pytest.mark.parametrize("profile", ["embedded", "open"])
@pytest.mark.parametrize("changed", [False, True])
def test_what_is_printed_reads_back_as_the_same_settings(profile: str, changed: bool) -> None:
    config = load(profile, [])
    assert validate(Config, parse(to_yaml(config, changed=changed), profile), profile) == config


def test_what_differs_from_the_defaults_fits_on_a_screen() -> None:
    said = to_yaml(load("embedded", ["filters.text.brief={min_tokens: 2, max_tokens: 40}"]), changed=True)
    assert 30 < said.count("\n") < 55
    assert "    specialist: {backend: ultralytics}  # the model" in said
    assert "brief: {min_tokens: 2, max_tokens: 40}  # length of brief texts" in said
    assert "detailed:" not in said.replace("more_detailed", "").split("filters:")[1]


def test_descriptions_speak_one_dialect() -> None:
    lines = [line for line in to_yaml(load("embedded", [])).splitlines() if "  # " in line]
    said = {line.split("  # ")[0].strip(): line.split("  # ", 1)[1] for line in lines}
    assert len(said) > 150
    names = (
        "AdamW",
        "BLIP",
        "CLIP",
        "CPUs",
        "F1",
        "Florence",
        "GPU",
        "Open Images",
        "PP-OCR",
        "RAM",
        "Ray",
        "SAM",
        "User-",
    )
    assert {each for each in said.values() if each[0].isupper() and not each.startswith(names)} == set()
    assert {each for each in said.values() if re.search(r"\bempty: |switches", each)} == set()
