"""Windows in other languages: the shipped ones, and a pseudo-locale whose every text is longer and wears marks."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

from PySide6.QtCore import QCoreApplication, QLocale, QTranslator
from PySide6.QtWidgets import QApplication

from app.theme import RESOURCES
from app.words.languages import _COUNTRIES

_ACCENTS = str.maketrans("aeiouyAEIOUYcnsCNS", "àéîöûÿÀÉÎÖÛŸçñšÇÑŠ")
_KEPT = re.compile(r"(\{[^}]*\}|%n|&)")
GROWTH = 0.3
"""Share by which a translation is longer than its English; German needs about as much."""
WORD = 8
"""Letters of what makes it longer, before it may be wrapped."""


def pseudo(source: str) -> str:
    """A text as no language writes it: accented, longer, in brackets, its placeholders whole."""
    parts = [part if _KEPT.fullmatch(part) else part.translate(_ACCENTS) for part in _KEPT.split(source)]
    longer = "·" * round(len(source) * GROWTH)
    padding = " ".join(longer[at : at + WORD] for at in range(0, len(longer), WORD))
    return "⟦" + "".join(parts) + padding + "⟧"


class Pseudo(QTranslator):
    """The pseudo-locale as Qt asks for it."""

    def translate(self, context: str, source: str, disambiguation: str | None = None, n: int = -1) -> str:
        if context == "Figures":  # dates and units, which stand inside other texts
            return source
        return pseudo(source).replace("%n", str(n)) if n >= 0 else pseudo(source)

    def isEmpty(self) -> bool:
        return False


@contextmanager
def speaking(language: str, application: QApplication) -> Iterator[None]:
    """Speak ``en``, ``de``, ``fr`` or ``pseudo`` for a while."""
    translator = Pseudo(application) if language == "pseudo" else QTranslator(application)
    if language in _COUNTRIES:
        assert translator.load(f"hedgerow_{language}", str(RESOURCES / "translations"))
    before = QLocale()
    if language in ("de", "fr"):
        QLocale.setDefault(QLocale(QLocale(language).language(), _COUNTRIES[language]))
    QCoreApplication.installTranslator(translator)
    try:
        yield
    finally:
        QCoreApplication.removeTranslator(translator)
        QLocale.setDefault(before)
