"""Everything that is on disk."""
