"""From an image list to image shards: find, fetch, check, write, compare.

`stages.ingest.ingest.ingest(store, sources, settings)` is the door for the engine, `stages.ingest.decode.decode_image`
the one decoder of the project, `stages.ingest.duplicates.dropped_images` what the duplicate rules leave out of a round.
"""
