"""Refusals of each language are seen, and descriptions of pictures are none."""

import pytest

from specialists.refusals import PATTERNS, declines

REFUSALS = {
    "en": [
        "I'm sorry, but I can't help with that.",
        "I’m very sorry, I am not able to see the picture.",
        "I cannot assist with this request.",
        "Unfortunately, I am unable to describe this image.",
        "As an AI language model, I do not have the ability to see images.",
        "Apologies, but the request goes against our content policy.",
        "I must decline to describe this picture.",
        "I don't see any image attached. Could you please upload it?",
        "There is no image provided in your message.",
        "This image cannot be described because it violates our guidelines.",
        "It is not possible for me to identify people in photographs.",
        "I'm just a text-based AI, so I have no access to pictures.",
        "Unable to process the image.",
        "Please provide an image so that I can describe it.",
        "Thank you for sharing. However, I won't describe this content.",
        "I'd rather not describe this scene.",
        "That's not something I can help with.",
        "Your request was flagged by our content filter.",
        "This prompt has been blocked by a safety system.",
    ],
    "de": [
        "Es tut mir leid, aber ich kann dabei nicht helfen.",
        "Leider kann ich das Bild nicht sehen.",
        "Als KI-Sprachmodell habe ich keinen Zugriff auf Bilder.",
        "Ich kann dieses Bild nicht beschreiben.",
        "Ich bin nicht in der Lage, Personen zu erkennen.",
        "Bitte laden Sie das Bild erneut hoch.",
        "Es wurde kein Bild hochgeladen.",
        "Das verstößt gegen meine Richtlinien.",
    ],
    "fr": [
        "Je suis désolé, mais je ne peux pas vous aider.",
        "Désolée, je ne vois pas l'image.",
        "Malheureusement, je ne peux pas décrire cette image.",
        "En tant qu'IA, je n'ai pas accès aux images.",
        "Je ne suis pas en mesure de répondre à cette demande.",
        "Il m'est impossible de décrire cette personne.",
        "Aucune image n'a été fournie.",
        "Veuillez fournir une image.",
    ],
    "es": [
        "Lo siento, pero no puedo ayudar con eso.",
        "No puedo describir esta imagen.",
        "Como modelo de lenguaje, no tengo acceso a imágenes.",
        "Lamentablemente, no me es posible ver la foto.",
        "No veo ninguna imagen adjunta.",
        "Debo rechazar esta solicitud.",
        "Por favor, proporciona una imagen.",
    ],
    "it": [
        "Mi dispiace, ma non posso aiutarti.",
        "Non sono in grado di vedere le immagini.",
        "In quanto modello linguistico, non ho accesso alle immagini.",
        "Purtroppo non posso descrivere questa foto.",
        "Nessuna immagine è stata fornita.",
        "Devo rifiutare questa richiesta.",
    ],
    "pt": [
        "Desculpe, mas não posso ajudar com isso.",
        "Sinto muito, não consigo ver a imagem.",
        "Como uma IA, não tenho acesso a imagens.",
        "Infelizmente, não posso descrever esta foto.",
        "Nenhuma imagem foi fornecida.",
        "Por favor, envie a imagem novamente.",
    ],
    "nl": [
        "Het spijt me, maar ik kan daar niet bij helpen.",
        "Ik kan deze afbeelding niet beschrijven.",
        "Helaas kan ik de foto niet zien.",
        "Als AI heb ik geen toegang tot afbeeldingen.",
        "Er is geen afbeelding bijgevoegd.",
        "Ik ben niet in staat om mensen te herkennen.",
    ],
    "pl": [
        "Przepraszam, ale nie mogę w tym pomóc.",
        "Nie jestem w stanie opisać tego obrazu.",
        "Niestety, nie widzę zdjęcia.",
        "Jako model językowy nie mam dostępu do obrazów.",
        "Proszę przesłać zdjęcie.",
        "Muszę odmówić.",
    ],
    "ru": [
        "Извините, но я не могу помочь с этим.",
        "К сожалению, я не вижу изображения.",
        "Я не могу описать это изображение.",
        "Как языковая модель, я не имею доступа к картинкам.",
        "Пожалуйста, загрузите изображение.",
        "Изображение не было прикреплено.",
    ],
    "zh": [
        "很抱歉，我无法描述这张图片。",
        "对不起，我不能提供帮助。",
        "我无法看到图片。",
        "作为一个人工智能语言模型，我没有看图的能力。",
        "请上传图片。",
        "没有收到任何图片。",
        "無法描述這張圖片。",
    ],
    "ja": [
        "申し訳ありませんが、この画像を説明することはできません。",
        "すみません、画像が見えません。",
        "AIとして、画像を見ることができません。",
        "画像をアップロードしてください。",
        "恐れ入りますが、お答えできません。",
        "ご要望にはお応えできません。",
    ],
    "ko": [
        "죄송하지만 도와드릴 수 없습니다.",
        "저는 이미지를 볼 수 없습니다.",
        "AI 언어 모델로서 사진을 설명할 수 없습니다.",
        "이미지를 업로드해 주세요.",
        "요청하신 내용은 제공할 수 없습니다.",
    ],
    "ar": ["عذراً، لا أستطيع وصف هذه الصورة.", "آسف، لا يمكنني المساعدة في ذلك.", "يرجى تحميل الصورة مرة أخرى."],
    "tr": ["Üzgünüm, bu konuda yardımcı olamam.", "Maalesef görseli göremiyorum.", "Lütfen bir görsel yükleyin."],
    "hi": ["क्षमा करें, मैं इस चित्र का वर्णन नहीं कर सकता।", "कृपया छवि अपलोड करें।", "मुझे खेद है, मैं मदद नहीं कर सकता।"],
    "da": ["Beklager, jeg kan ikke hjælpe med det.", "Det kan jeg desværre ikke."],
    "no": ["Beklager, jeg kan ikke hjelpe med det.", "Dessverre ser jeg ikke bildet."],
    "sv": ["Tyvärr, det går inte.", "Jag kan tyvärr inte hjälpa till med det."],
    "fi": ["Valitettavasti en voi auttaa.", "En pysty näkemään kuvaa."],
    "cs": ["Omlouvám se, ale nemohu pomoci.", "Tento obrázek nemohu popsat."],
    "hu": ["Sajnálom, nem segíthetek.", "Ezt a képet nem tudom leírni."],
    "ro": ["Îmi pare rău, nu pot ajuta.", "Nu pot descrie această imagine."],
    "el": ["Λυπάμαι, δεν μπορώ να βοηθήσω.", "Δεν μπορώ να περιγράψω την εικόνα."],
    "uk": ["Вибачте, я не можу допомогти.", "На жаль, зображення немає."],
    "vi": ["Xin lỗi, tôi không thể giúp.", "Tôi không thể mô tả hình ảnh này."],
    "th": ["ขออภัย ฉันไม่สามารถช่วยได้", "ฉันไม่สามารถอธิบายภาพนี้ได้"],
    "id": ["Maaf, saya tidak dapat membantu.", "Saya tidak bisa melihat gambar."],
    "he": ["מצטער, אני לא יכול לעזור.", "אני לא רואה תמונה."],
    "fa": ["متأسفم، نمی\u200cتوانم کمک کنم.", "من قادر نیستم تصویر را ببینم."],
    "bg": ["Съжалявам, но не мога да опиша това изображение.", "Като езиков модел нямам очи, не виждам снимки."],
    "sr": [
        "Žao mi je, ali ne mogu opisati ovu sliku.",
        "Жао ми је, не могу да помогнем.",
        "Nisam u mogućnosti da pomognem.",
    ],
    "sk": ["Prepáčte, ale tento obrázok nemôžem opísať.", "Nie som schopný pomôcť."],
    "sl": ["Žal mi je, vendar te slike ne morem opisati.", "Ne morem pomagati pri tem."],
    "lt": ["Atsiprašau, bet negaliu aprašyti šio paveikslėlio.", "Aš negaliu padėti."],
    "lv": ["Atvainojiet, es nevaru aprakstīt šo attēlu.", "Es nevaru palīdzēt."],
    "et": ["Vabandust, ma ei saa seda pilti kirjeldada.", "Ma ei saa selles aidata."],
    "ca": ["Ho sento, però no puc descriure aquesta imatge.", "No em és possible ajudar-te."],
    "ms": ["Maaf, saya tidak dapat menerangkan imej ini.", "Saya tidak boleh membantu."],
    "tl": ["Paumanhin, ngunit hindi ko mailalarawan ang larawang ito.", "Hindi ako makakatulong diyan."],
    "sw": ["Samahani, siwezi kuelezea picha hii.", "Mimi siwezi kusaidia."],
    "bn": ["দুঃখিত, আমি এই ছবিটি বর্ণনা করতে পারছি না।", "আমি সাহায্য করতে পারি না।"],
    "ur": ["معذرت، میں اس تصویر کی وضاحت نہیں کر سکتا۔", "میں مدد کرنے سے قاصر ہوں۔"],
    "mr": ["क्षमस्व, मी या चित्राचे वर्णन करू शकत नाही.", "मी मदत करू शकत नाही."],
    "ta": ["மன்னிக்கவும், இந்தப் படத்தை விவரிக்க முடியாது.", "என்னால் உதவ முடியாது."],
    "te": ["క్షమించండి, నేను ఈ చిత్రాన్ని వివరించలేను.", "నేను సహాయం చేయలేను."],
}

DESCRIPTIONS = [
    "A brown dog runs after a red ball on the grass.",
    'A sign on the wall says "I\'m sorry, we are closed" in white letters.',
    "A man in a suit apologises to a woman; he looks sorry.",
    "The poster reads “I cannot help you” above a drawing of a cat.",
    "A T-shirt with the text 'I can't see' hangs on a line.",
    "A woman who cannot see the bus waits at the stop.",
    "It is not possible to tell what the man holds behind his back.",
    "A child asks for help while a policeman refuses to move.",
    "The image shows an AI conference with a banner about language models.",
    "Unable to reach the shelf, a boy stands on a chair.",
    "A note: please send the picture to Anna.",
    "There is no one in the room; no pictures hang on the walls.",
    "This image shows a guide dog beside a man who is blind.",
    "The policy of the shop is written on the door. No photographs are allowed inside.",
    "Ein brauner Hund läuft über die Wiese, auf der keine Menschen sind.",
    "Ein Kind kann den Ball nicht erreichen und weint.",
    "Auf dem Schild steht „Leider kann ich nicht helfen“.",
    "Un chien brun court dans l'herbe; il ne voit pas le chat.",
    "Sur l'affiche, on lit « Je suis désolé ».",
    "Un perro corre por la hierba y no puede alcanzar la pelota.",
    "Un cane marrone corre sull'erba, non può prendere la palla.",
    "Um cachorro corre na grama e não vê o gato.",
    "Een hond rent over het gras en kan de bal niet zien.",
    "Pies biegnie po trawie, nie widzi kota.",
    "Собака бежит по траве и не видит кошку.",
    "一只棕色的狗在草地上奔跑，前面没有人。",
    "牌子上写着“抱歉，我们关门了”。",
    "茶色の犬が芝生の上を走っている。人は見えない。",
    "看板には「申し訳ありません、休業中」と書かれている。",
    "갈색 개가 잔디 위에서 공을 쫓아 달린다.",
    "كلب بني يجري على العشب خلف كرة حمراء.",
    "Kahverengi bir köpek çimenlerin üzerinde koşuyor.",
    "एक भूरा कुत्ता घास पर लाल गेंद के पीछे दौड़ रहा है।",
    "En brun hund løber efter en rød bold på græsset.",
    "En brun hund springer efter en röd boll, den har inte något halsband.",
    "Ruskea koira juoksee punaisen pallon perässä, eikä lähellä ole ihmisiä.",
    "Hnědý pes běží za červeným míčem.",
    "Egy barna kutya fut a piros labda után, nem látható ember.",
    "Un câine maro aleargă după o minge, nu se vede nimeni.",
    "Ένας καφέ σκύλος τρέχει, δεν υπάρχουν άνθρωποι.",
    "Коричневий пес біжить за м’ячем, людей не видно.",
    "Một con chó nâu chạy theo quả bóng, không có người.",
    "สุนัขสีน้ำตาลวิ่งไล่ลูกบอลสีแดง ไม่มีคน",
    "Seekor anjing cokelat berlari, tidak ada orang.",
    "כלב חום רץ אחרי כדור אדום, אין אנשים.",
    "سگ قهوه\u200cای به دنبال توپ قرمز می\u200cدود.",
    "Кафяво куче тича след топка, няма хора.",
    "Smeđi pas trči za loptom, nema ljudi.",
    "Hnedý pes beží za loptou, nie sú tu ľudia.",
    "Rjav pes teče za žogo, ljudi ni.",
    "Rudas šuo bėga paskui kamuolį, žmonių nėra.",
    "Brūns suns skrien pakaļ bumbai, cilvēku nav.",
    "Pruun koer jookseb palli järel, inimesi ei ole.",
    "Un gos marró corre darrere una pilota, no hi ha ningú.",
    "Seekor anjing perang berlari, tiada orang.",
    "Isang kayumangging aso ang tumatakbo, walang tao.",
    "Mbwa wa kahawia anakimbia, hakuna watu.",
    "একটি বাদামী কুকুর দৌড়াচ্ছে, কোনো মানুষ নেই।",
    "ایک بھورا کتا گیند کے پیچھے بھاگ رہا ہے، کوئی انسان نہیں۔",
    "एक तपकिरी कुत्रा धावत आहे, माणसे नाहीत.",
    "ஒரு பழுப்பு நாய் ஓடுகிறது, மனிதர்கள் இல்லை.",
    "ఒక గోధుమ రంగు కుక్క పరిగెడుతోంది, మనుషులు లేరు.",
    "Two men on stage: that is not something one sees every day.",
    "A door with a sign: No. 12, and a button: OK.",
    "Error is written on a screen.",
]


@pytest.mark.parametrize(
    ("language", "text"), [(language, text) for language, texts in REFUSALS.items() for text in texts]
)
def test_a_refusal_is_seen_by_the_rules_of_its_language(language: str, text: str) -> None:
    assert declines(text, [language])
    assert declines(text)
    assert declines(f"Hm. {text} Something else follows it, at some length.")


@pytest.mark.parametrize("text", DESCRIPTIONS)
def test_a_description_is_no_refusal(text: str) -> None:
    assert not declines(text)


@pytest.mark.parametrize("text", ["N/A", "None", "No description available.", "n/a."])
def test_an_answer_that_says_there_is_none(text: str) -> None:
    assert declines(text)
    assert not declines(f"The sign says {text}")


def test_every_language_has_refusals_to_be_tested_by() -> None:
    assert set(REFUSALS) == set(PATTERNS)


def test_only_the_beginning_counts() -> None:
    assert not declines("A dog runs over the grass. " * 20 + "I cannot see more.")
