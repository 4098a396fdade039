"""How `fld` speaks and listens: options, terminal, signals, exit codes."""
