"""How the bundled parser is made: `python -m stages.recipes.parser TREEBANK OUT` (what `make parser` runs)."""
