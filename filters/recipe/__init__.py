"""How the bundled parser is made: `python -m filters.recipe TREEBANK OUT` (what `make parser` runs)."""
