"""Filters as a user would write them: copy one, change it, name it in `filters.custom`."""
