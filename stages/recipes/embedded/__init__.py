"""How the checkpoints in `specialists/embedded/` are trained: a module per model; `make embedded` runs them all."""
