"""Trains a Florence-2 on the shards of a round. The core runs without Ray: `stages.retrain.run.retrain(job)`."""
