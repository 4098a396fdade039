"""FLD-5B's own numbers (Florence-2, Xiao et al. 2024, tables 2 and 3), to stand beside those of a round.

Counts are millions in the paper. Table 2 has no line for words that are written in the picture: there "ocr" is missing.
"""

from stages.describe.annotations import Annotations

MILLION = 10**6
TABLE_2 = [
    Annotations("text", "brief", 235 * MILLION, 7.95),
    Annotations("text", "detailed", 126 * MILLION, 31.65),
    Annotations("text", "more_detailed", 126 * MILLION, 70.53),
    Annotations("region-text", "phrase", 126 * MILLION, None, 681 * MILLION, 5.42, 1.19),
    Annotations("region-text", "brief", 126 * MILLION, None, 681 * MILLION, 5.42, 2.55),
    Annotations("text-phrase-region", "brief", 235 * MILLION, 7.95, 1007 * MILLION, 4.27, 1.93),
    Annotations("text-phrase-region", "detailed", 126 * MILLION, 31.65, 1289 * MILLION, 10.25, 1.49),
    Annotations("text-phrase-region", "more_detailed", 126 * MILLION, 70.53, 1278 * MILLION, 10.17, 1.35),
]
TABLE_3 = {
    "brief": {"tokens": 7.95, "objects": 3.23, "attributes": 2.80, "actions": 0.58, "proper_nouns": 1.10,
              "object_complexity": 2.80, "action_complexity": 1.14},
    "detailed": {"tokens": 31.65, "objects": 13.31, "attributes": 7.27, "actions": 4.21, "proper_nouns": 2.40,
                 "object_complexity": 4.00, "action_complexity": 3.63},
    "more_detailed": {"tokens": 70.53, "objects": 28.06, "attributes": 16.25, "actions": 8.76, "proper_nouns": 2.41,
                      "object_complexity": 4.02, "action_complexity": 4.38},
}  # fmt: skip
"""Granularity -> measure (the fields of `filters.elements.Elements`) -> mean per text."""
