"""Fusion: what all annotators said about one image becomes one record (`image.py` shows the order of the steps)."""

from stages.fuse.settings import GIVEN, ConsensusRule, ConsensusSettings, FuseSettings

__all__ = ["GIVEN", "ConsensusRule", "ConsensusSettings", "FuseSettings"]
