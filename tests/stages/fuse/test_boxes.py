"""Weighted box fusion: our clusters carry votes, and their numbers are those of ensemble-boxes."""

import numpy as np
import pytest
from ensemble_boxes import weighted_boxes_fusion
from pydantic import ValidationError

from shards.finding import Box, Detection, Finding
from stages.fuse.boxes import Cluster, fuse_boxes
from stages.fuse.ledger import of_type
from stages.fuse.settings import FuseSettings
from tests.stages.fuse.builders import DOG, NEAR_DOG, SIZE_WH, found, stated


def fused(settings: FuseSettings | None = None, **findings: list[Finding]) -> list[Cluster]:
    detectors = [name for name in findings if name != "given"]
    return fuse_boxes(of_type(stated(findings), Detection), settings or FuseSettings(), detectors)


def refs(cluster: Cluster) -> list[str]:
    return [member.source.ref for member in cluster.members]


def test_boxes_that_agree_become_one_with_shares_by_score() -> None:
    [cluster] = fused(detector=[found("dog", 0.9, DOG)], yolo=[found("Dog", 0.6, NEAR_DOG)])
    assert refs(cluster) == ["detector/0", "yolo/0"]
    assert cluster.shares() == pytest.approx([0.6, 0.4])
    assert cluster.box == pytest.approx((10.8, 10.0, 110.8, 110.0))
    assert (cluster.label, cluster.score) == ("dog", 0.9)


def test_boxes_that_disagree_on_the_label_stay_apart() -> None:
    assert len(fused(detector=[found("dog", 0.9, DOG)], yolo=[found("cat", 0.6, NEAR_DOG)])) == 2


def test_geometry_alone_can_be_enough_and_keeps_all_labels() -> None:
    settings = FuseSettings(agreement="geometry", within_annotator=True)
    [cluster] = fused(
        settings, detector=[found("dog", 0.5, DOG), found("cat", 0.4, DOG)], yolo=[found("cat", 0.3, DOG)]
    )
    assert [each.finding.text for each in cluster.named()] == ["cat", "dog"]  # 0.7 together against 0.5


@pytest.mark.parametrize("label", ["DOG", "puppy", "Puppy", "pup_py"])
def test_labels_agree_through_case_and_synonyms(label: str) -> None:
    settings = FuseSettings(synonyms={"puppy": "dog", "Pup-py": "dog"})
    assert len(fused(settings, detector=[found("dog", 0.9, DOG)], yolo=[found(label, 0.6, NEAR_DOG)])) == 1


def test_a_proposal_without_class_joins_any_label_and_gives_none() -> None:
    [cluster] = fused(detector=[found("dog", 0.5, DOG)], yolo=[found("", 0.9, NEAR_DOG)])
    assert refs(cluster) == ["yolo/0", "detector/0"]
    assert cluster.label == "dog"


def test_a_cluster_begun_by_a_proposal_takes_only_one_label() -> None:
    clusters = fused(detector=[found("dog", 0.5, DOG)], easy=[found("cat", 0.4, DOG)], yolo=[found("", 0.9, NEAR_DOG)])
    assert [refs(each) for each in clusters] == [["yolo/0", "detector/0"], ["easy/0"]]


@pytest.mark.parametrize(("within", "expected"), [(False, [["yolo/0", "detector/0"], ["detector/1"]]), (True, None)])
def test_two_boxes_of_one_annotator_stay_two_unless_the_settings_fuse_them(
    within: bool, expected: list[list[str]] | None
) -> None:
    findings = {"detector": [found("dog", 0.8, DOG), found("dog", 0.7, NEAR_DOG)], "yolo": [found("dog", 0.9, DOG)]}
    clusters = fused(FuseSettings(within_annotator=within), **findings)
    assert [refs(each) for each in clusters] == (expected or [["yolo/0", "detector/0", "detector/1"]])


def test_a_given_box_is_neither_moved_nor_renamed() -> None:
    [cluster] = fused(
        given=[found("terrier", None, DOG)],
        detector=[found("terrier", 0.99, NEAR_DOG)],
        yolo=[found("", 0.98, NEAR_DOG)],
    )
    assert (cluster.box, cluster.label, cluster.score) == (DOG, "terrier", 1.0)
    assert cluster.shares() == [1.0, 0.0, 0.0]


def test_given_boxes_never_fuse_with_each_other() -> None:
    assert len(fused(given=[found("dog", None, DOG), found("dog", None, NEAR_DOG)])) == 2


def test_a_given_box_attracts_before_a_better_overlapping_synthetic_one() -> None:
    shifted: Box = (30.0, 10.0, 130.0, 110.0)  # IoU 0.67 with DOG
    clusters = fused(given=[found("dog", None, DOG)], detector=[found("dog", 0.9, shifted), found("dog", 0.8, shifted)])
    assert [refs(each) for each in clusters] == [["given/0", "detector/0", "detector/1"]]


def test_trust_weighs_the_box_and_the_score() -> None:
    settings = FuseSettings(trust={"yolo": 3.0}, score="mean")
    [cluster] = fused(settings, detector=[found("dog", 0.5, DOG)], yolo=[found("dog", 0.5, NEAR_DOG)])
    assert cluster.shares() == pytest.approx([0.75, 0.25])
    assert refs(cluster)[0] == "yolo/0"
    assert cluster.box[0] == pytest.approx(11.5)
    assert cluster.score == pytest.approx(0.5)


def test_a_missing_score_counts_as_the_settings_say() -> None:
    [cluster] = fused(FuseSettings(missing_score=0.25), detector=[found("dog", None, DOG)])
    assert cluster.score == 0.25


def test_a_box_with_score_zero_does_not_break_the_mean() -> None:
    [cluster] = fused(detector=[found("dog", 0.0, DOG)], yolo=[found("dog", 0.0, NEAR_DOG)])
    assert cluster.box == pytest.approx((11.0, 10.0, 111.0, 110.0))


def test_no_boxes_give_no_clusters() -> None:
    assert fused(detector=[]) == []


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("trust", [(1.0, 1.0, 1.0), (2.0, 1.0, 0.5)])
def test_numbers_equal_ensemble_boxes(seed: int, trust: tuple[float, float, float]) -> None:
    rng = np.random.default_rng(seed)
    names = ["a", "b", "c"]
    centres = rng.uniform(60, 380, (6, 2))
    boxes, scores, labels = [], [], []
    for _ in names:
        chosen = rng.integers(0, 6, 15)
        middle = centres[chosen] + rng.normal(0, 6, (15, 2))
        half = rng.uniform(25, 40, (15, 2))
        boxes.append(np.clip(np.hstack([middle - half, middle + half]), 0, 480).round(2))
        scores.append((rng.permutation(15) + rng.uniform(0.1, 0.9)) / 16)  # no two equal: ties are ordered differently
        labels.append(chosen % 2)
    settings = FuseSettings(score="wbf", within_annotator=True, trust=dict(zip(names, trust, strict=True)))
    findings = {
        name: [
            found(f"label {label}", float(score), (box[0], box[1], box[2], box[3]))
            for box, score, label in zip(said[0].tolist(), said[1], said[2], strict=True)
        ]
        for name, said in zip(names, zip(boxes, scores, labels, strict=True), strict=True)
    }
    ours = fused(settings, **findings)

    scale = np.array([*SIZE_WH, *SIZE_WH])
    wanted = weighted_boxes_fusion(
        [each / scale for each in boxes], scores, labels, weights=list(trust), iou_thr=settings.joins_above(False)
    )
    expected = sorted((round(float(s), 3), *(box * scale).round(1)) for box, s in zip(*wanted[:2], strict=True))
    got = sorted((round(each.score, 3), *np.round(each.box, 1)) for each in ours)
    assert len(ours) < 45, "nothing was fused"
    np.testing.assert_allclose(got, [(min(s, 1.0), *box) for s, *box in expected], atol=0.11)


@pytest.mark.parametrize("trust", [0.0, -1.0, float("nan"), float("inf")])
def test_trust_is_a_number_above_0(trust: float) -> None:
    with pytest.raises(ValidationError, match=r"trust\.yolo"):
        FuseSettings(trust={"yolo": trust})
