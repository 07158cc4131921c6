"""Languages of the window: the owner's choice or the desktop's, its catalogue, Qt's own, and how it writes numbers."""

from __future__ import annotations

from PySide6.QtCore import QCoreApplication, QLibraryInfo, QLocale, QTranslator
from PySide6.QtWidgets import QApplication

from app.theme import RESOURCES

LANGUAGES = {"en": "English", "de": "Deutsch", "fr": "Français"}
"""Catalogues that are complete, under their own names."""
_COUNTRIES = {"en": QLocale.Country.UnitedKingdom, "de": QLocale.Country.Germany, "fr": QLocale.Country.France}


def locale_of(choice: str) -> QLocale:
    """The locale of a choice.

    Args:
        choice: one of ``LANGUAGES``, or anything else for the desktop's.

    Returns:
        The desktop's own where its language is the chosen one, since it knows the country; otherwise the language as
        it is written in the country it comes from.
    """
    system = QLocale.system()
    if choice not in LANGUAGES or system.name().partition("_")[0] == choice:
        return system
    return QLocale(QLocale(choice).language(), _COUNTRIES[choice])


def load_translations(application: QApplication, choice: str = "system") -> None:
    """Speak a language; one without a catalogue of ours is answered in English, with its own numbers and dates."""
    locale = locale_of(choice)
    QLocale.setDefault(locale)
    code = locale.name().partition("_")[0]
    catalogue = code if code in LANGUAGES else "en"
    qt = QLibraryInfo.path(QLibraryInfo.LibraryPath.TranslationsPath)
    for name, folder in ((f"qtbase_{catalogue}", qt), (f"hedgerow_{catalogue}", str(RESOURCES / "translations"))):
        translator = QTranslator(application)
        if translator.load(name, folder):
            QCoreApplication.installTranslator(translator)
