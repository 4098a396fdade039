"""Pure functions from annotations to verdicts."""
