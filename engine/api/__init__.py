"""What the words of `fld` do, as functions that return reports: nothing is printed here (`engine/verbs/` does that)."""
