"""Experiments behind the claims of docs/experiments.md: each runs the product from its command line and measures."""
