"""Languages: sentences of many, and honest ignorance of the rest."""

from __future__ import annotations

import pytest

from core.data.language import SAMPLE_CHARACTERS, UNKNOWN, language

SENTENCES = {
    "en": "The hedge is the boundary of the field, and what grows in it has been there for as long as they can tell.",
    "de": "Die Hecke ist die Grenze des Feldes, und was in ihr wächst, war schon immer da und wird nicht vergehen.",
    "fr": "La haie est la limite du champ, et ce qui pousse dans cette haie a toujours été là pour ceux qui passent.",
    "es": "El seto es el límite del campo, y lo que crece en él ha estado ahí desde que se tiene memoria de los que.",
    "pt": "A sebe é o limite do campo, e o que cresce nela não foi posto por ninguém, mas está lá há muito tempo.",
    "it": "La siepe è il confine del campo, e quello che cresce nella siepe non è stato messo da chi passa per la via.",
    "nl": "De heg is de grens van het veld, en wat er in groeit is er altijd geweest en zal ook niet meer weg gaan.",
    "sv": "Häcken är gränsen för fältet, och det som växer i den har alltid funnits där och ska också vara kvar.",
    "da": "Hækken er grænsen af marken, og det som vokser i den har altid været der, og den skal også blive af det.",
    "no": "Hekken er grensen av åkeren, og det som vokser i den har alltid vært der nå, og ble ikke borte etter mye.",
    "fi": "Pensasaita on pellon raja, ja se mikä siinä kasvaa on ollut siinä aina, eikä kukaan ole sitä sen jälkeen.",
    "pl": "Żywopłot jest granicą pola, a to, co w nim rośnie, było tam od zawsze i nie jest po to, aby się go bać.",
    "cs": "Živý plot je hranicí pole a to, co v něm roste, tam bylo vždy, ale není to tak, že by se o to někdo staral.",
    "hu": "A sövény a mező határa, és az, ami benne nő, mindig ott volt, de nem azért, mert azt valaki el is ültette.",
    "ro": "Gardul viu este marginea câmpului, și ceea ce crește în el a fost acolo din totdeauna, dar nu pentru că.",
    "tr": "Çit tarlanın sınırıdır ve içinde büyüyen her şey çok uzun bir zaman için orada olan bir şey gibi kadar var.",
    "ru": "Изгородь это граница поля, и то, что в ней растёт, было там всегда, но не для того, чтобы его кто-то видел.",
    "uk": "Живопліт це межа поля, і все, що в ньому росте, було там завжди, але не для того, щоб його хтось та бачив.",
    "el": "Ο φράχτης είναι το όριο του χωραφιού και ό,τι φυτρώνει μέσα του ήταν πάντα εκεί.",
    "he": "הגדר החיה היא גבול השדה, ומה שגדל בה היה שם תמיד.",
    "ar": "السياج هو حد الحقل، وكل ما ينمو في هذا السياج كان هناك من قبل ولم يكن غير ذلك.",
    "hi": "बाड़ खेत की सीमा है और जो इस में उगता है वह हमेशा से यहाँ था और यह किसी के लिए नहीं है।",
    "ja": "生け垣は畑の境であり、その中に生えるものはいつもそこにあった。",
    "zh": "树篱是田地的边界，长在里面的东西一直都在那里。",
    "ko": "산울타리는 밭의 경계이며 그 안에서 자라는 것은 언제나 거기에 있었다.",
    "th": "รั้วต้นไม้คือขอบเขตของทุ่งนา และสิ่งที่เติบโตอยู่ในนั้นก็อยู่ที่นั่นเสมอมา",
}


@pytest.mark.parametrize(("code", "text"), SENTENCES.items())
def test_one_sentence_is_enough(code: str, text: str) -> None:
    assert language(text) == code


@pytest.mark.parametrize(
    "text",
    [
        "",
        "  \n ",
        "1234 5678 90",
        "OK",
        "Sphinx of black quartz judge vow",
        "x = [f(i) for i in range(n)]; y = {k: v}; z = lambda a, b: a + b; foo(bar, baz).qux[0] += 1",
        "NAME;AGE;CITY\nAda;36;London\nGrace;85;Arlington\nEdsger;72;Nuenen\n",
        "Wǒmen xiànzài kěyǐ kāishǐ, dànshì tā hái méiyǒu lái.",
        "Ogrodnik мой garden κήπος 庭 स्वागत",
    ],
)
def test_what_is_not_known_is_unknown(text: str) -> None:
    assert language(text) == UNKNOWN


def test_a_long_text_is_judged_by_its_beginning_and_middle() -> None:
    text = SENTENCES["de"] * 200
    assert language("title " + text) == "de"
    assert language(SENTENCES["en"][:40] + text) == "de"
    assert len(text) > 4 * SAMPLE_CHARACTERS
