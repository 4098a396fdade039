"""How a model declines in languages that describers seldom answer in: an apology, or a first person that cannot.

`specialists/refusals.py` uses them as it does its own, longer, sets of patterns; `^` is the beginning of a sentence.
"""

APOLOGIES: dict[str, tuple[str, ...]] = {
    "da": (
        r"^(?:beklager|undskyld|desværre|det er jeg ked af|jeg beklager)\b",
        r"\b(?:jeg kan|kan jeg|jeg må|må jeg) (?:\w+ ){0,4}ikke\b",
    ),
    "no": (
        r"^(?:beklager|unnskyld|dessverre|jeg beklager)\b",
        r"\b(?:jeg kan|kan jeg|jeg får|får jeg) (?:\w+ ){0,4}ikke\b",
    ),
    "sv": (
        r"^(?:tyvärr|ursäkta|förlåt|(?:jag )?beklagar)\b",
        r"\b(?:jag kan|kan jag|jag får|får jag) (?:\w+ ){0,4}inte\b",
    ),
    "fi": (
        r"^(?:valitettavasti|pahoittelen|olen pahoillani|anteeksi)\b",
        r"\ben (?:\w+ ){0,2}(?:voi|pysty|näe|osaa)\b",
    ),
    "cs": (
        r"^(?:omlouvám se|bohužel|promiňte|je mi líto)\b",
        r"\bnemohu\b|\bnejsem schop\w+|\bjako (?:jazykový model|umělá inteligence)\b",
    ),
    "hu": (
        r"^(?:sajnálom|elnézést|sajnos|bocsánat)\b",
        r"\bnem (?:segíthetek|tudok|tudom|láthatom|láthatok|áll módomban)\b",
    ),
    "ro": (
        r"^(?:îmi pare rău|ne pare rău|scuze|îmi cer scuze|din păcate)\b",
        r"\bnu (?:pot|sunt în măsură|am acces|văd nicio)\b",
    ),
    "el": (r"^(?:λυπάμαι|λυπούμαι|συγγνώμη|δυστυχώς|ζητώ συγγνώμη)\b", r"\bδεν (?:μπορώ|είμαι σε θέση|έχω πρόσβαση)\b"),
    "uk": (
        r"^(?:вибачте|пробачте|перепрошую|на жаль|мені (?:дуже )?шкода)\b",
        r"\bне (?:можу|в змозі|маю можливості)\b|\bяк мовна модель\b",
    ),
    "vi": (
        r"^(?:(?:tôi )?(?:rất )?xin lỗi|(?:tôi )?rất tiếc|thành thật xin lỗi)\b",
        r"\btôi không (?:thể|có khả năng|được phép|thấy)\b",
    ),
    "th": (r"^(?:ต้อง)?(?:ขออภัย|ขอโทษ|เสียใจ)", r"ไม่สามารถ(?:ช่วย|อธิบาย|ดู|ให้|บรรยาย|มองเห็น)"),
    "id": (
        r"^(?:mohon )?maaf\b|^sayangnya\b",
        r"\b(?:saya|aku) (?:tidak|tak) (?:dapat|bisa|mampu|boleh|melihat)\b",
    ),
    "he": (r"^(?:אני )?מצטער(?:ת|ים)?\b|^(?:סליחה|לצערי)\b", r"אני לא (?:יכול|רואה|מסוגל)|(?:אינני|איני) יכול"),
    "fa": (r"^(?:متأسف|متاسف|ببخشید|با عرض پوزش|پوزش|عذر می)", r"نمی[\u200c ]?توانم|قادر نیستم"),
}
"""By ISO 639-1 code."""
