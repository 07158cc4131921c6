"""The language of a document, for a table of counts: its script, and then its most frequent small words.

No model and no network: the writing system decides alone where only one large language uses it, elsewhere the share of
words that are among the forty or so small words of a language (articles, pronouns, prepositions). Prose in a language
that is known here has a fifth to a half of them; lists, tables, source code and languages not known here have few, and
then the answer is an honest "unknown". A language not known here that is close to a known one counts as that.
"""

from __future__ import annotations

import functools
import re
import string
import unicodedata
from collections import Counter
from typing import Final

UNKNOWN: Final = ""
SAMPLE_CHARACTERS: Final = 4_000
MIN_WORDS: Final = 4
MIN_SHARE: Final = 0.15
"""Of the words of a text that must be small words of its language."""
MIN_DISTINCT: Final = 2
_MIN_LETTERS: Final = 10
_MAIN_SCRIPT: Final = 0.6
_KANA: Final = 0.05
_WORD: Final = re.compile(r"[^\s\d_.,;:!?()\[\]{}<>\"“”„«»…/\\|=+*&%$#@~^`।॥،؟؛–—-]+")
_NO_LETTERS: Final = dict.fromkeys(map(ord, string.ascii_letters))
_ONE_LANGUAGE: Final = {
    "GREEK": "el", "HEBREW": "he", "HANGUL": "ko", "THAI": "th", "GEORGIAN": "ka", "ARMENIAN": "hy", "TAMIL": "ta",
    "BENGALI": "bn", "GUJARATI": "gu", "GURMUKHI": "pa", "TELUGU": "te", "KANNADA": "kn", "MALAYALAM": "ml",
    "SINHALA": "si", "KHMER": "km", "LAO": "lo", "MYANMAR": "my", "ETHIOPIC": "am", "TIBETAN": "bo", "ORIYA": "or",
}  # fmt: skip
_SMALL_WORDS: Final = {
    "en": "the a of and to in is that it for was on are as with be this at by not or have from but an they which "
    "you we his he she were been has had will would can if all their there what when who do your our more "
    "no so about its than",
    "de": "der die und in den von zu das mit sich des auf für ist im dem nicht ein eine als auch es an werden "
    "aus er hat dass sie nach wird bei einer um am sind noch wie einem über einen so zum war haben nur "
    "oder aber vor zur bis mehr durch man sein wurde ich kann wenn keine",
    "fr": "de la le et les des en un une du que est dans qui pour pas au sur ne se par plus ce il sont avec son "
    "cette aux ont mais comme ou si leur nous vous être fait elle ces tout je été cela peut sans d'un "
    "d'une l'on n'est c'est à",
    "es": "de la que el en y a los se del las un por con no una su para es al lo como más o pero sus le ha me "
    "si sin sobre este ya entre cuando todo esta ser son dos también fue había era muy hasta desde puede "
    "está",
    "pt": "de a o que e do da em um para é com não uma os no se na por mais as dos como mas foi ao ele das tem "
    "à seu sua ou ser quando muito há nos já está eu também só pelo pela até isso ela entre era depois "
    "sem mesmo aos são você pode",
    "it": "di e il la che in un a per è una sono con non del si da le dei nel della come al alla anche lo gli "
    "più ha o ma i questo se delle nella su essere dal stato ci tra cui degli era dell' un' l'ha dalla "
    "questa può così",
    "nl": "de van het een en in is dat op te zijn voor met die niet aan er om ook als dan maar bij of uit nog "
    "naar door wordt over ze zich hij heeft hebben was deze je wel werd kan geen worden dit tot onder wat "
    "moet u na",
    "sv": "och i att det som en på är av för med till den har de inte om ett han men var jag sig från vi så kan "
    "när eller ut man nu hade ska skall vid också efter vara alla över denna detta finns mot mycket under "
    "hon",
    "da": "og i at det som en på er af for med til den har de ikke om et han men var jeg sig fra vi så kan når "
    "eller ud man nu havde skal ved også efter være alle over denne dette findes mod meget under hun blev "
    "bliver",
    "no": "og i at det som en på er av for med til den har de ikke om et han men var jeg seg fra vi så kan når "
    "eller ut man nå hadde skal ved også etter være alle over denne dette finnes mot mye under hun ble "
    "blir",
    "fi": "ja on ei se että oli hän joka mutta ovat kun tai myös sen ole jos niin kuin ne voi sitä siitä olla "
    "tämä tämän hänen jotka vain nyt mukaan eivät mitä jo ollut sekä kanssa jonka voidaan siihen kaikki "
    "jälkeen en",
    "et": "ja on ei et see oli ta mis kui ka aga või siis oma seda kes selle nii mida veel olla nad pole ning "
    "juba ma välja selles kuid üle pärast ainult tema peab võib saab",
    "lv": "un ir ka no uz ar par to kas bet tā kā vai viņš pie nav tas šo arī ja pēc lai bija es līdz tikai "
    "savu ko šī ne jau vēl var tiek kad",
    "lt": "ir yra kad į iš su tai bet kaip ar jis buvo nuo o dėl už apie jau jo iki tik šis taip ne arba gali "
    "per prie jų savo po kuris nėra pagal",
    "pl": "i w na z się nie do to że jest o jak po co za od ale dla przez tym czy lub są tego oraz być już może "
    "które tak jego który tylko także ma przy było był można jej która ich pod jako aby nad bez",
    "cs": "a v se na je že to s z do o i ve pro ale by si za jako po jsou od nebo k tak byl při které který "
    "jsem až než také jeho bylo před jen není mezi již jak však lze která být podle",
    "sk": "a v sa na je že to s z do o aj vo pre ale by si za ako po sú od alebo k tak bol pri ktoré ktorý som "
    "až než tiež jeho bolo pred len nie medzi už však možno ktorá byť podľa",
    "sl": "in je v na se da za so pa z ki s bi tudi po kot ne od ali pri še ter iz ni kar lahko le če sem biti "
    "bil do to kako bilo ob že samo",
    "hr": "i je u na se da za su od s a o iz ne kao koji što to ili bi će sa ali nije bio biti po samo koja "
    "koje još kako do može te ako prema nakon između jer",
    "hu": "a az és hogy nem is egy ez meg volt csak de már még van mint ha azt el vagy ki kell ezt lehet amely "
    "minden sem mert majd ezek után nincs lesz aki pedig azonban között által",
    "ro": "și de a în la cu nu că o pe un este din să mai care se pentru sunt au ce fi ca al dar sau prin fost "
    "după era cea ale fie poate lui acest această când dacă foarte între",
    "tr": "ve bir bu için ile da de olarak çok daha gibi en olan ya ne var kadar sonra o her ama değil veya ise "
    "olduğu bunu göre olduğunu tarafından şey ancak hem mi",
    "ca": "de la i el que a en les els un del per una amb és al es no com més o però seva són va ha aquest "
    "aquesta també dels pel quan ser sobre entre fins molt ja hi han on si",
    "id": "yang dan di ini itu dengan untuk dari tidak pada akan dalam ke adalah juga atau ada oleh sebagai "
    "telah bisa dapat mereka karena tersebut saya kami anda lebih harus sudah",
    "vi": "và của là có không được cho các một trong người với này những để khi đã từ đến như về ra hoặc bạn "
    "tôi thì bị nhưng vào lại sẽ tại trên",
    "ru": "и в не на я что он с как это по а но из у к за то все его так она от же был для о мы если или ты бы "
    "их было быть только еще при уже когда до вы есть нет можно может том",
    "uk": "і в не на я що він з як це по а але у до за то все його так вона від же був для про ми якщо або ти б "
    "їх було бути лише ще при вже коли та є немає можна може тому й",
    "bg": "и на в да се за от не е с че са по а си но като ще до това при или го ги след няма има може само "
    "бъде който която които беше във със този",
    "sr": "и је у на се да за су од с а о из не као који што то или би ће са али није био бити по само која "
    "које још како до може ако",
    "ar": "في من على أن إلى عن التي الذي هذا هذه ما لا مع كان أو هو هي ذلك قد بين كل لم بعد كما و ثم حتى إن لن "
    "غير",
    "fa": "و در به از که این را با است برای آن یک خود تا کرد بر هم نیز می شود شده های ای اما یا هر باید نمی",
    "ur": "کے کی میں اور ہے سے کا کو اس نے پر کہ یہ ہیں بھی کر ایک تھا وہ نہیں جو تو ہو گیا لیے",
    "hi": "के में है की और से का को पर ने यह कि हैं इस भी एक कर लिए नहीं या हो था जो तो वह साथ अपने गया",
    "mr": "आहे आणि या च्या मध्ये ते हे होते असे की व तर आहेत नाही करण्यात त्यांनी यांनी ही एक",
}  # fmt: skip


@functools.cache
def _languages_of() -> dict[str, tuple[str, ...]]:
    """Small word → languages it belongs to."""
    found: dict[str, list[str]] = {}
    for language, words in _SMALL_WORDS.items():
        for word in set(words.split()):
            found.setdefault(word, []).append(language)
    return {word: tuple(languages) for word, languages in found.items()}


@functools.lru_cache(maxsize=1 << 14)
def _script(letter: str) -> str:
    """First word of a letter's name, such as ``LATIN``."""
    return unicodedata.name(letter, "").partition(" ")[0]


def language(text: str) -> str:
    """ISO 639-1 code of the language most of ``text`` is in, or ``UNKNOWN``; its beginning and middle are looked at."""
    half = SAMPLE_CHARACTERS // 2
    middle = max(half, len(text) // 2)
    sample = text[:half] + " " + text[middle : middle + half]
    if sample.isascii():
        return _by_small_words(sample) if len(sample) - len(sample.translate(_NO_LETTERS)) >= _MIN_LETTERS else UNKNOWN
    scripts: Counter[str] = Counter()
    for letter, count in Counter(sample).items():
        if letter.isalpha():
            scripts[_script(letter)] += count
    letters = scripts.total()
    if letters < _MIN_LETTERS:
        return UNKNOWN
    kana = scripts["HIRAGANA"] + scripts["KATAKANA"]
    if scripts["CJK"] + kana > _MAIN_SCRIPT * letters:
        return "ja" if kana > _KANA * letters else "zh"
    main, count = scripts.most_common(1)[0]
    if count < _MAIN_SCRIPT * letters:
        return UNKNOWN
    return _ONE_LANGUAGE.get(main) or _by_small_words(sample)


def _by_small_words(sample: str) -> str:
    words = _WORD.findall(sample.lower().replace("’", "'"))
    if len(words) < MIN_WORDS:
        return UNKNOWN
    known = _languages_of()
    small = [(word, count, known[word]) for word, count in Counter(words).items() if word in known]
    hits: dict[str, int] = {}
    for _, count, languages in small:
        for language in languages:
            hits[language] = hits.get(language, 0) + count
    if not hits:
        return UNKNOWN
    best = max(hits, key=hits.__getitem__)
    most = hits.pop(best)
    longer = sum(len(word) > 1 and best in languages for word, _, languages in small)  # code is full of single letters
    sure = most >= MIN_SHARE * len(words) and most > max(hits.values(), default=0) and longer >= MIN_DISTINCT
    return best if sure else UNKNOWN
