"""People's corrections, from the files that they come in: our own lines, Label Studio, CVAT."""
