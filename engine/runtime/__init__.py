"""Columns over image shards: what there is to do, who does it, and what became of it."""
