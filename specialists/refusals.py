"""Whether a describer declined, in words, in the languages that describers answer in.

Comes in: an answer without its markup. Goes out: whether it declines to describe the picture, asks for one, or speaks
of itself as a model. A description speaks of a picture in the third person: what is looked for is a first person that
cannot, an apology, a request for the picture, and appeals to rules. What stands in quotation marks is what a sign in
the picture says, and does not count. Only the beginning counts: a refusal comes first.
"""

import re
from collections.abc import Iterable

from specialists.apologies import APOLOGIES

BEGINNING = 400
"""Letters that are looked at."""

_SORRY = "sorry|apologies|my apologies|i apologi[sz]e|forgive me|pardon me|regrettably"
_TO = r"(?:\w+ly |even |really |to )?"
_DO = (
    "help|assist|describe|provide|see|view|access|process|analy[sz]e|identify|comply|fulfil|generate|create|write|look"
    "|interpret|open|recogni[sz]e|determine|discuss|engage|continue|do|have|produce|offer|answer|respond|complete"
    "|support|feel comfortable|read|perform|make out|give|share|observe|caption|display|load|retrieve|receive|tell"
)
_ENGLISH = (
    rf"^(?:oh,? |well,? )?(?:i(?:'m| am) (?:\w+ )?(?:sorry|afraid)|{_SORRY})\b",
    r"^(?:unfortunately|regrettably),? (?:i\b|the (?:image|picture|photo)|there|this|it|no\b|we\b|your)",
    r"\bi(?:'m| am) (?:\w+ )?(?:unable|not (?:\w+ )?(?:able|allowed|permitted|capable|comfortable|equipped"
    r"|designed|going)"
    r"|incapable|prohibited)\b",
    rf"\bi (?:do not|don't|cannot|can't|can not|could not|couldn't|will not|won't|would not|wouldn't|did not|didn't)"
    rf",? {_TO}(?:{_DO})\b",
    r"\bi (?:must|have to|need to|would|will|respectfully|politely)(?: \w+)? (?:decline|refuse|pass)\b",
    r"\bi (?:decline|refuse)\b|\bi(?:'d| would) (?:rather|prefer) not\b|\bi lack (?:the|any|access)\b",
    r"\bi (?:only )?(?:have no|lack) (?:access|way|ability|means)\b",
    r"\bas (?:an?|your) (?:[\w-]+ ){0,3}(?:ai|language model|llm|assistant|chatbot)\b",
    r"\bi(?:'m| am) (?:just |only )?an? (?:[\w-]+ ){0,3}(?:ai|language model|llm|assistant|chatbot)\b",
    r"\b(?:no|any) (?:image|picture|photo|photograph|attachment|file)s? (?:\w+ ){0,3}"
    r"(?:provided|attached|uploaded|included|shared|given|supplied|sent|received)\b",
    r"\b(?:please|could you|can you|kindly|would you)(?: please)? (?:provide|upload|share|attach|re-?upload|supply"
    r"|send (?:me|us|an|the image|it)|try (?:again|uploading))\b",
    r"\b(?:image|picture|photo|file) (?:\w+ ){0,3}(?:failed|did(?:n't| not) (?:load|upload|come through|attach)"
    r"|could(?:n't| not) be (?:loaded|processed|displayed|opened))\b",
    r"^(?:this|that|the|your) (?:image|picture|photo|request|content|prompt) (?:\w+ )?(?:cannot be|can't be|violates"
    r"|goes against|is not something|(?:was|is|has been) (?:rejected|blocked|denied|flagged|filtered))",
    r"\bnot something (?:that )?i(?: can|'m able|'m allowed)\b",
    r"\b(?:it is|it's|it would be|it isn't|it is not) (?:not )?(?:possible|appropriate|impossible|inappropriate)"
    r"(?: for me)? to\b(?! (?:tell|see|say|make|read|count)\b)",
    r"\b(?:violates?|against|breach(?:es)?|under|due to|by) (?:\w+ ){0,3}"
    r"(?:guidelines|polic(?:y|ies)|terms of (?:use|service)|programming)\b",
    r"^(?:unable|not able|cannot|can't|can not|refuse|declined?) (?:to )?(?:process|describe|view|see|provide"
    r"|assist|help"
    r"|fulfil|comply|generate|identify|determine|access|analy[sz]e|caption)\w*\b",
    r"^let(?:'s| us) (?:talk about|change|discuss) ",
    r"\binsufficient (?:credits?|quota|balance|funds)\b"
    r"|^(?:rate limit|quota|too many requests)\b(?: \w+){0,3}\W*$",
    r"^(?:error\b\W*$|(?:error|exception|warning): )|^(?:\w+ ){0,2}server error\b|^(?:502 )?bad gateway\b",
    r"^(?:n/?a|none|null|no (?:description|caption|answer|comment)(?: (?:available|possible|provided))?)\W*$",
)
_GERMAN = (
    r"^(?:es tut mir|das tut mir|tut mir) (?:\w+ )?leid|^(?:entschuldigung|verzeihung|bedauere|ich bedauere|sorry)\b",
    r"^leider (?:kann|darf|bin|ist es mir|sehe|wurde|habe|muss|liegt|konnte)\b",
    r"\b(?:kann|darf|könnte|möchte|werde|konnte|muss) ich (?:\w+ ){0,6}(?:nicht|keine?n?|ablehnen)\b",
    r"\bich (?:kann|darf|könnte|werde|konnte|sehe|habe|erkenne) (?:\w+ ){0,6}(?:nicht|keine?n?|keinen zugriff)\b",
    r"\bich bin (?:\w+ ){0,3}(?:nicht in der lage|außerstande|ein ki|eine ki|ein sprachmodell|eine künstliche)",
    r"\bals (?:ki|künstliche intelligenz|sprachmodell|ki-\w+|assistent|textbasiert\w+)\b"
    r"|\bich muss (?:\w+ ){0,4}ablehnen",
    r"\bbitte (?:laden|lade|schicken|schick|senden|sende|stellen|teilen|fügen) (?:sie|mir|das|ein)\b",
    r"\b(?:kein|keine) (?:bild|foto|anhang) (?:\w+ ){0,3}(?:bereitgestellt|angehängt|hochgeladen|übermittelt"
    r"|beigefügt)",
    r"\b(?:verstößt gegen|gegen (?:meine|unsere|die) \w*richtlinien)",
)
_FRENCH = (
    r"^(?:je suis |vraiment )?(?:désolée?|navrée?)\b|^(?:excusez-moi|pardon|toutes mes excuses|je m'excuse)",
    r"^malheureusement,? (?:je|il|l'image|aucune)|\bje regrette\b",
    r"\bje (?:ne |n')(?:peux|suis pas|puis|vois|parviens|dispose|suis|ai|pourrai|souhaite)\b",
    r"\bil (?:ne )?m'est (?:\w+ )?(?:impossible|pas possible)|\bje (?:dois|préfère) (?:\w+ )?(?:refuser|décliner"
    r"|ne pas)",
    r"\ben tant qu(?:e |')(?:ia\b|intelligence|modèle|assistant|assistante)|\bje suis (?:une ia\b|un modèle"
    r"|un assistant)",
    r"\b(?:veuillez|pourriez-vous|merci de) (?:me )?(?:fournir|télécharger|partager|envoyer|joindre)\b",
    r"\baucune (?:image|photo) (?:n'a été |n'est )?(?:fournie|jointe|visible|téléchargée|disponible)",
    r"\b(?:contraire|enfreint|viole) (?:à |aux )?(?:mes|nos|les|la) (?:directives|règles|politiques?)",
)
_SPANISH = (
    r"^(?:lo siento|lo lamento|disculpa|disculpe|perdón|perdona|mis disculpas|lamentablemente,? (?:no|la|me)"
    r"|desafortunadamente,? (?:no|la|me))",
    r"\bno (?:puedo|podré|me es posible|soy capaz|estoy en condiciones|tengo (?:acceso|la capacidad|permitido)"
    r"|me está"
    r" permitido|logro ver|veo ninguna)\b",
    r"\b(?:debo|prefiero|tengo que) (?:rechazar|declinar|negarme|no )\b",
    r"\bcomo (?:(?:una? )?(?:ia|inteligencia|modelo|asistente))\b|\bsoy (?:una? )?(?:ia|inteligencia|modelo de"
    r"|asistente)\b",
    r"\b(?:por favor|podrías|podría),? (?:proporcion|sub|compart|envía|envíe|adjunt)\w*",
    r"\bno (?:se )?(?:ha |has |hay |veo |recib)\w*\s?(?:\w+ ){0,3}(?:imagen|foto|adjunt)\w*",
    r"\b(?:infringe|viola|va en contra de) (?:las|mis|nuestras|la)\b",
)
_ITALIAN = (
    r"^(?:mi dispiace|sono spiacente|spiacente|scusa|scusami|mi scuso|purtroppo,? (?:non|l'immagine|nessuna))",
    r"\bnon (?:posso|sono in grado|mi è possibile|riesco|ho (?:accesso|la possibilità|la capacità)|vedo (?:alcuna"
    r"|nessuna))",
    r"\bdevo (?:rifiutare|declinare)|\bpreferisco non\b",
    r"\b(?:come|in quanto|essendo) (?:un'|un |una )?(?:ia\b|intelligenza|modello|assistente)|\bsono (?:un'"
    r"|un )(?:ia\b|modello|assistente)",
    r"\b(?:per favore|potresti|ti prego),? (?:di )?(?:forn|caric|invi|condivid|alleg)\w*",
    r"\bnessuna (?:immagine|foto) (?:\w+ ){0,3}(?:fornita|allegata|caricata|disponibile)|\bviola (?:le|i|la) ",
)
_PORTUGUESE = (
    r"^(?:desculpe|desculpa|sinto muito|lamento|peço desculpas?|infelizmente,? (?:não|a imagem|nenhuma|eu))",
    r"\bnão (?:posso|consigo|sou capaz|é possível (?:para mim|eu)|tenho (?:acesso|permissão|a capacidade)"
    r"|vejo nenhuma|estou apto)",
    r"\b(?:devo|preciso|prefiro) (?:recusar|declinar|não )",
    r"\bcomo (?:uma? )?(?:ia\b|inteligência|modelo|assistente)|\bsou (?:uma? )?(?:ia\b|modelo|assistente)",
    r"\b(?:por favor|poderia|você pode),? (?:me )?(?:forne|envi|compartilh|anex|carreg)\w*",
    r"\bnenhuma (?:imagem|foto) (?:\w+ ){0,3}(?:fornecida|anexada|enviada|carregada)|\bviola (?:as|minhas|nossas|a) ",
)
_DUTCH = (
    r"^(?:het spijt me|sorry|excuses|mijn excuses|helaas (?:kan|ben|is|zie|mag|heb))",
    r"\b(?:ik (?:kan|mag|zal|kon|heb|zie)|(?:kan|mag|zal|kon) ik) (?:\w+ ){0,5}(?:niet"
    r"|geen) (?:\w+ ){0,5}(?:helpen|beschrijven|zien|bekijken|verwerken|voldoen"
    r"|geven|openen|afbeelding|toegang|uitvoeren)",
    r"\bik ben (?:\w+ ){0,2}(?:niet in staat|een ai|een taalmodel)|\bals (?:een )?(?:ai|taalmodel|assistent)\b",
    r"\bik moet (?:\w+ ){0,4}(?:weigeren|afwijzen)|\b(?:upload|deel|stuur|voeg) (?:alstublieft|alsjeblieft|de|het"
    r"|een)\b",
    r"\bgeen (?:afbeelding|foto|bijlage) (?:\w+ ){0,3}(?:geüpload|bijgevoegd|verstrekt|gedeeld|ontvangen)",
)
_POLISH = (
    r"^(?:przepraszam|przykro mi|wybacz|niestety,? (?:nie|obraz|zdjęcie))",
    r"\bnie (?:mogę|jestem w stanie|potrafię|widzę (?:żadnego|obrazu|zdjęcia)|mam (?:dostępu|możliwości)|wolno mi"
    r"|udało mi się)",
    r"\bmuszę odmówić|\bjako (?:model|sztuczna|ai|asystent)|\bjestem (?:modelem|sztuczną|asystentem|tylko)",
    r"\bproszę (?:o )?(?:przesł|udostęp|załącz|dostarcz|wgra)\w*|\bnie (?:załączono|przesłano|dostarczono)",
)
_RUSSIAN = (
    r"^(?:извините|простите|прошу прощения|к сожалению,? (?:я|не|изображение)|мне (?:очень )?жаль|сожалею)",
    r"\bя (?:\w+ )?не (?:могу|в состоянии|вижу|имею|способ|умею|буду|смогу)",
    r"\bне могу (?:\w+ )?(?:помочь|описать|выполнить|предоставить|увидеть|просмотреть|обработать|ответить)",
    r"\b(?:вынужден|вынуждена|должен|должна) отказа|\bкак (?:языковая модель|искусственный|ии\b|ассистент)",
    r"\bя (?:—|-|–|всего лишь|просто) ?(?:языковая|искусственн|ии\b|ассистент|модель)",
    r"\bпожалуйста,? (?:предостав|загруз|пришл|отправ|прикреп)|\bизображение не (?:было |предостав|прикреп|загруж)",
)
_CHINESE = (
    r"^(?:很|非常|十分|实在)?(?:抱歉|对不起|不好意思|遗憾|抱歉地|對不起)",
    r"我(?:目前|现在|暂时|還|还)?(?:无法|不能|没有办法|没办法|不可以|不便|無法|沒有辦法|看不到|不会|没有能力|没有权限|拒绝)",
    r"作为(?:一个|一名)?(?:人工智能|AI|语言模型|大语言模型|助手)|作為(?:一個)?(?:人工智慧|AI|語言模型)|我(?:只)?是(?:一个|一名)?(?:人工智能|AI|语言模型)",
    r"(?:请|麻烦|請)(?:您|你)?(?:重新)?(?:上传|提供|发送|分享|上傳)",
    r"(?:没有|未|沒有)(?:收到|看到|提供|上传|检测到|附上|收到任何)?(?:任何)?(?:图片|图像|照片|圖片)",
    r"^(?:无法|不能|無法)(?:描述|提供|处理|识别|查看|访问|回答)|违反(?:了)?(?:相关)?(?:规定|政策|准则)",
)
_JAPANESE = (
    r"^(?:大変)?(?:申し訳|すみません|ごめんなさい|恐れ入りますが|残念ながら|お詫び)",
    r"(?:私は|画像を|画像が|この画像|直接|内容を|ご要望|リクエスト)[^。]{0,40}"
    r"(?:できません|できかねます|出来ません|いたしかねます|見ることができ|見えません|お答えできません|ありません)",
    r"(?:AI|人工知能|言語モデル|アシスタント)(?:として|です|である|なので|のため)",
    r"(?:画像|写真)[^。]{0,20}(?:アップロード|添付|提供|共有|送信|送って)[^。]{0,20}(?:ください|いただけ|お願い|されていません|ていません)",
    r"^[^。]{0,60}(?:お手伝い|お答え|説明|対応)(?:する(?:こと|の)は|は|が)?でき(?:ません|かねます)",
)
_KOREAN = (
    r"^(?:정말 )?(?:죄송|미안|유감|안타깝게도|아쉽지만)",
    r"(?:저는|제가|이미지를|사진을|요청)[^.。]{0,40}(?:수 없|못합니다|못해요|불가능|어렵습니다|볼 수가 없)",
    r"(?:AI|인공지능|언어 ?모델|어시스턴트)(?:로서|로써|이므로|이기 때문|입니다|라서)",
    r"(?:이미지|사진)[^.。]{0,20}(?:업로드|제공|첨부|공유|보내)[^.。]{0,12}(?:주세요|주시|되지 않|해 주|바랍니다)",
    r"^[^.。]{0,40}(?:도와드릴|설명(?:해 ?드릴|할)|제공(?:해 ?드릴|할)|답변(?:드릴|할)) 수 없",
)
_ARABIC = (
    r"^(?:عذر|آسف|أنا آسف|أعتذر|نعتذر|للأسف|المعذرة)",
    r"لا (?:أستطيع|يمكنني|أقدر|أرى|أملك|يمكن لي)|لست (?:قادر|مخول)|غير قادر على|لن أتمكن|يتعذر علي",
    r"(?:كنموذج|بصفتي|أنا نموذج|أنا مجرد|كمساعد)|(?:يرجى|من فضلك|الرجاء) (?:تحميل|تزويد|إرسال|إرفاق|مشاركة|تقديم)",
)
_TURKISH = (
    r"^(?:üzgünüm|özür dilerim|kusura bakma|maalesef|ne yazık ki|affedersiniz)",
    r"\b(?:yardımcı olam|betimleyem|tanımlayam|açıklayam|göremi|görüntüleyem|sağlayam|yapam|erişem|işleyem"
    r"|tarif edem)\w*",
    r"\b(?:bir )?(?:yapay zeka|dil modeli|asistan) (?:olarak|olduğum)|\blütfen (?:bir |görseli "
    r"|resmi )?(?:\w+ )?(?:yükle|paylaş|gönder|sağla)\w*",
)
_HINDI = (
    r"^(?:क्षमा करें|माफ़? ?कीजिए|माफ़? ?करें|मुझे खेद|मुझे माफ|खेद है|दुर्भाग्य से)",
    r"मैं [^।]{0,60}(?:नहीं (?:कर|दे|देख|बता|सकत)|असमर्थ|सक्षम नहीं)|(?:एआई|AI|भाषा मॉडल)[^।]{0,10}(?:के रूप में"
    r"|हूँ|हूं|होने के)",
    r"कृपया [^।]{0,30}(?:अपलोड|प्रदान|साझा|भेजें|संलग्न)",
)

PATTERNS: dict[str, tuple[str, ...]] = {
    "en": _ENGLISH, "de": _GERMAN, "fr": _FRENCH, "es": _SPANISH, "it": _ITALIAN, "pt": _PORTUGUESE, "nl": _DUTCH,
    "pl": _POLISH, "ru": _RUSSIAN, "zh": _CHINESE, "ja": _JAPANESE, "ko": _KOREAN, "ar": _ARABIC, "tr": _TURKISH,
    "hi": _HINDI,
    **APOLOGIES,
}  # fmt: skip
"""By ISO 639-1 code. `^` is the beginning of any sentence."""

_QUOTED = re.compile(r"\"[^\"]{1,200}\"|“[^”]{1,200}”|„[^“”]{1,200}[“”]|«[^»]{1,200}»|「[^」]{1,200}」|『[^』]{1,200}』"
                     r"|(?<!\w)'(?:[^'\n]|(?<=\w)'(?=\w)){1,200}'(?!\w)|‘[^’\n]{1,200}’(?!\w)")  # fmt: skip
_NOTHING = re.compile(
    r"\W*(?:undefined|nan|nil|void|ok(?:ay)?|yes|no|true|false|error|done|unknown|(?:(?:content|message|answer|response|image"
    r"|text|description) )?(?:removed|redacted|blocked|filtered|censored|hidden|unavailable|not available))\W*",
    re.IGNORECASE,
)
"""Whole answers that describe nothing."""
_SENTENCE = re.compile(r"(?<=[.!?:;。！？：])\s*|\n+")
_COMPILED = {
    language: re.compile("|".join(f"(?:{pattern})" for pattern in patterns), re.IGNORECASE)
    for language, patterns in PATTERNS.items()
}


def declines(text: str, languages: Iterable[str] = tuple(PATTERNS)) -> bool:
    """Whether an answer declines. A text of a picture in which somebody apologises does not."""
    if _NOTHING.fullmatch(text):
        return True
    plain = _QUOTED.sub(" ", text[:BEGINNING].replace("’", "'"))
    sentences = [sentence.strip() for sentence in _SENTENCE.split(plain)]
    rules = [_COMPILED[language] for language in languages]
    return any(rule.search(sentence) for sentence in sentences if sentence for rule in rules)
