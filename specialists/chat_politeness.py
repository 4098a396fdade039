"""What a chat model says to the person who asked, before and after its answer: cut off by rule.

Sure! Here is a detailed description of the image:\n\nA brown dog runs. ... Let me know if you need more.
->  A brown dog runs. ...
"""

import re

_ASSENT = (
    r"sure(?: thing)?|certainly|of course|absolutely|definitely|okay|ok|alright|got it|great|understood"
    r"|no problem|with"
    r" pleasure|happy to help|glad to help|i(?:'d| would) be (?:happy|glad) to(?: [^.:!\n]{0,60})?"
    r"|natürlich|gerne?|klar|selbstverständlich|sicher|bien sûr|d'accord|avec plaisir|très bien|certainement|voici"
    r"|claro(?: que sí)?|por supuesto|desde luego|con gusto|certo|certamente|ovviamente|volentieri|com certeza"
    r"|com prazer"
    r"|natuurlijk|zeker|oczywiście|jasne|pewnie|конечно|хорошо|разумеется|с удовольствием|tabii(?: ki)?|elbette"
    r"|当然(?:可以)?|好的|没问题|可以|當然|もちろん(?:です)?|はい|承知(?:しました|いたしました)|かしこまりました|了解しました"
    r"|물론(?:입니다|이죠|이에요)?|네|알겠습니다|بالطبع|بالتأكيد|ज़रूर|बिल्कुल"
)
_FIRST = re.compile(rf"\A[¡\s]*(?:{_ASSENT})(?:\s*[!,.:;！，。、：~…]+|\s[-–—]+(?=\s))\s*", re.IGNORECASE)
_HERE = (
    r"here(?:'s| is| are| you (?:go|are))|below is|the following is|this is|hier ist|hier sind|hier eine?"
    r"|nachfolgend|anbei"
    r"|das ist|voici|voilà|ci-dessous|aquí (?:tienes|está|va|hay)|esta es|a continuación|ecco|di seguito|questa è"
    r"|aqui (?:está|vai|estão)|esta é|segue|hieronder|dit is|oto|poniżej|вот|ниже|это|işte|aşağıda|bu"
    r"|以下是|下面是|这是|這是|以下は|これは|こちら(?:は|が)|다음은|아래는|이것은|إليك|فيما يلي|यहाँ|यहां|नीचे"
)
_THING = (
    "descri|caption|paragraph|text|answer|response|what (?:i|you)|summary|version|beschreib|antwort|légende|réponse"
    "|resposta|respuesta|risposta|opis|описани|ответ|açıklama|betimleme|描述|说明|說明|文字|説明|記述|キャプション|설명|وصف|विवरण|वर्णन"
)
_INTRODUCTION = re.compile(
    rf"\A(?:{_HERE})[^\n:：.!?。]{{0,160}}?(?:{_THING})[^\n:：.!?。]{{0,160}}(?:[:：]|[.。]?[ \t]*\n)\s*", re.IGNORECASE
)
_LABEL = re.compile(
    r"\A(?:#{1,6}[ \t]*)?[*_]{0,3}(?:(?:the|my|your|final|full|long|short|brief|more|very|detailed|rich|visual"
    r"|image|picture"
    r"|photo|scene|alt)[ \t]+)*(?:description|caption|answer|response"
    r"|paragraph|text|beschreibung|bildbeschreibung|antwort"
    r"|légende"
    r"|réponse|descripción|respuesta|descrizione|risposta|descrição|resposta|beschrijving|opis|описание|ответ|描述|图片描述"
    r"|答案|説明|설명|الوصف)(?:[ \t]+(?:of|for)(?:[ \t]+[\w-]+){1,3})?"
    r"[ \t]*[*_]{0,3}(?:[:：][*_]{0,3}|[ \t]*#{0,6}[ \t]*\n)\s*",
    re.IGNORECASE,
)
_INTENT = re.compile(
    r"\A(?:now,? )?(?:let me|let's|i(?:'ll| will| am going to|'m going to)) (?:\w+ )?(?:look|describe|analy[sz]e"
    r"|examine|study|take a look|break|provide|write|give|start)\b[^.!:\n]{0,120}[.!:…\n]+\s*",
    re.IGNORECASE,
)
_OFFER = re.compile(
    r"(?:\A|(?<=[.!?。！？…\n*-])|(?<=[.!?]\"))\s*(?:[-*_]{3,}\s*)?(?:\(?note:? (?:i|this|that|the description)"
    r"|(?:please )?let me know|(?:i )?hope (?:this|that|it)"
    r"|feel free to|would you like|do you (?:want|need)|if you(?:'d| would)? (?:need|have|like|want) (?:any|more"
    r"|further|additional|another|me |to )|is there anything"
    r"|please (?:let|feel)"
    r"|lassen sie mich|lass mich wissen|ich hoffe|möchten sie|möchtest du|wenn sie (?:weitere|noch|fragen)"
    r"|falls (?:sie|du) "
    r"|n'hésitez pas|j'espère que|souhaitez-vous|voulez-vous|si vous (?:avez|souhaitez|voulez)"
    r"|espero que|avísame|déjame saber|¿(?:te gustaría|quieres|necesitas|hay algo)|si (?:necesitas|tienes|quieres)"
    r"|spero che|fammi sapere|se hai (?:bisogno|domande)|me avise|se precisar|gostaria d|laat het me weten"
    r"|ik hoop dat"
    r"|daj mi znać|mam nadzieję|дайте знать|надеюсь,|если (?:вам|у вас)|umarım|başka bir"
    r"|希望(?:这|以上|我的)|如果(?:您|你)(?:需要|还|有)|如需|请告诉我|何か(?:ご|他)|ご不明|お役に立て"
    r"|ご質問|도움이 되|더 (?:필요|궁금)|궁금한)"
    r".{0,300}\Z",
    re.IGNORECASE | re.DOTALL,
)
_EMPHASIS = re.compile(r"\*\*(?=\S)([^*\n]+?)(?<=\S)\*\*|(?<!\w)__(?=\S)([^_\n]+?)(?<=\S)__(?!\w)")


def strip_politeness(text: str) -> str:
    """The answer without the sentences that are no part of it, and without bold type; line breaks stay."""
    found = text.strip()
    while (shorter := _one_less(found)) != found:
        found = shorter
    return _EMPHASIS.sub(lambda bold: bold[1] or bold[2], _without_offers(found)).strip()


def _one_less(text: str) -> str:
    for rule in (_FIRST, _INTENT, _INTRODUCTION, _LABEL):
        if (match := rule.match(text)) and match.end() < len(text):
            return text[match.end() :].strip()
    return text


def _without_offers(text: str) -> str:
    """An offer is at the end, and never all there is."""
    offer = _OFFER.search(text, max(0, len(text) - 400))
    return text[: offer.start()].rstrip() if offer and text[: offer.start()].strip() else text
