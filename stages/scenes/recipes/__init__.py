"""How the checkpoints in `specialists/embedded/` are trained: one module per model, `make embedded` runs all of them."""
