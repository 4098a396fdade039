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
    "bg": (
        r"^(?:съжалявам|за съжаление|извинявам се|извинете|моля за извинение)\b",
        r"\bне (?:мога|съм в състояние|виждам)\b|\bкато езиков модел\b",
    ),
    "sr": (
        r"^(?:žao mi je|nažalost|oprostite|izvinite|ispričavam se|жао ми је|нажалост|извините|опростите)\b",
        r"\b(?:ne mogu|nisam u mogućnosti|не могу|нисам у могућности)\b|\bkao jezični model\b",
    ),
    "sk": (
        r"^(?:prepáčte|ospravedlňujem sa|bohužiaľ|žiaľ|ľutujem|je mi ľúto)\b",
        r"\bnemôžem\b|\bnie som schop\w+|\bako jazykový model\b",
    ),
    "sl": (
        r"^(?:žal|oprostite|opravičujem se|žal mi je|na žalost)\b",
        r"\bne morem\b|\bnisem sposob\w+|\bkot jezikovni model\b",
    ),
    "lt": (r"^(?:atsiprašau|apgailestauju|deja|atleiskite)\b", r"\b(?:negaliu|nesugebu|nematau)\b"),
    "lv": (r"^(?:atvainojiet|diemžēl|piedodiet|man žēl)\b", r"\b(?:es nevaru|nevaru|es neredzu)\b"),
    "et": (r"^(?:vabandust|kahjuks|palun vabandust|mul on kahju)\b", r"\bma ei (?:saa|näe|oska|suuda)\b"),
    "ca": (
        r"^(?:ho sento|em sap greu|disculpa|disculpeu|malauradament,? (?:no|la)|perdona)\b",
        r"\bno (?:puc|em és possible|soc capaç|sóc capaç|tinc accés)\b|\bcom a model de llenguatge\b",
    ),
    "ms": (r"^(?:minta |mohon )?maaf\b|^malangnya\b", r"\bsaya (?:tidak|tak) (?:dapat|boleh|mampu|nampak)\b"),
    "tl": (
        r"^(?:paumanhin|pasensya(?: na)?|ikinalulungkot ko|patawad)\b",
        r"\b(?:hindi ko (?:kayang|magawang|maaaring|mailalarawan)|hindi ako (?:makakatulong|maaaring))\b",
    ),
    "sw": (r"^(?:samahani|pole|naomba radhi|kwa bahati mbaya)\b", r"\b(?:siwezi|sina uwezo|sioni)\b"),
    "bn": (r"^(?:দুঃখিত|আমি দুঃখিত|ক্ষমা করবেন|মাফ করবেন|দুর্ভাগ্যবশত)", r"আমি [^।]{0,60}(?:পারছি না|পারি না|পারব না|অক্ষম)"),
    "ur": (
        r"^(?:معذرت|معاف کیجیے|معاف کیجئے|مجھے افسوس|بدقسمتی سے)",
        r"میں [^۔]{0,60}(?:نہیں کر سکتا|نہیں کر سکتی|قاصر|نہیں دیکھ)",
    ),
    "mr": (r"^(?:क्षमस्व|माफ करा|क्षमा करा|मला माफ|दुर्दैवाने)", r"मी [^।.]{0,60}(?:करू शकत नाही|शकत नाही|असमर्थ)"),
    "ta": (r"^(?:மன்னிக்கவும்|என்னை மன்னி|வருந்துகிறேன்|துரதிர்ஷ்டவசமாக)", r"என்னால் [^.]{0,60}(?:முடியாது|முடியவில்லை|இயலாது)"),
    "te": (r"^(?:క్షమించండి|నన్ను క్షమించండి|దురదృష్టవశాత్తు)", r"నేను [^.]{0,60}(?:లేను|చేయలేను|అసమర్థ)"),
}
"""By ISO 639-1 code."""
