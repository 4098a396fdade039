"""One stage per role: what a specialist says becomes findings."""
