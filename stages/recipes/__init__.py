"""How the shipped files were made: embedded checkpoints, the parser, the fonts. Nothing imports these."""
