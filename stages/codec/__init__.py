"""The record as Florence-2 is taught it: lessons out of records (`encode`), findings out of answers (`decode`)."""
