"""Specialists as a user would write them: copy one, change it, name it with `backend: custom`."""
