"""What annotators' statements are worth: scores become probabilities, and several statements about one thing one."""
