"""Specialists run on small tensors here: a second torch thread only waits for the first."""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")
