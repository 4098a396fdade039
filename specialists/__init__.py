"""One model family per module, each behind a role of `specialists.roles`."""
