"""One Ray for all tests that need it: starting it takes longer than most of them."""

import gc
import os
import warnings
from collections.abc import Iterator

import pytest


@pytest.fixture(scope="session")
def ray_here() -> Iterator[None]:
    """A Ray on this machine with eight promised CPUs, whatever it has; the engine joins it."""
    os.environ.setdefault("RAY_raylet_start_wait_time_s", "180")
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
    import ray

    ray.init(num_cpus=8, include_dashboard=False, log_to_driver=False, logging_level="ERROR")
    yield
    ray.shutdown()
    with warnings.catch_warnings():  # Ray's process handles complain when they are collected: let them do it here
        warnings.simplefilter("ignore", ResourceWarning)
        gc.collect()
