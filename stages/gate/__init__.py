"""The promotion gate: may a retrained model write the labels of the next round?"""
