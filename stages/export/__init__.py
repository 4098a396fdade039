"""A round written in the formats of other tools. One file per format; each takes samples one by one."""
