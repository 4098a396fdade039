"""Fusion: what all annotators said about one image becomes one record (`image.py` shows the order of the steps)."""

from stages.fuse.settings import ConsensusRule, ConsensusSettings, FuseSettings

__all__ = ["ConsensusRule", "ConsensusSettings", "FuseSettings"]
