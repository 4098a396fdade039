"""One file per word of `fld`: what the verb does, from settings to what is printed."""
