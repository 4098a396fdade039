"""An open corpus: its settings, what its rounds are made of, what it remembers of models, verdicts, costs, trust."""
