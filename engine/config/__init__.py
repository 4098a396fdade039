"""Settings: their classes, their files, their errors."""
