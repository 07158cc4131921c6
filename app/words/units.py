"""Units of privacy in words."""

from __future__ import annotations

import math

from PySide6.QtCore import QCoreApplication

from app.words import figures


def unit_words(unit: str) -> str:
    """What one unit of the guarantee is: per document, per passage, for the whole text."""
    words = {
        "document": QCoreApplication.translate("Units", "per document"),
        "record": QCoreApplication.translate("Units", "per passage"),
        "corpus": QCoreApplication.translate("Units", "for your whole text"),
        "none": QCoreApplication.translate("Units", "no guarantee"),
    }
    return words.get(unit, unit)


def unit_title(unit: str) -> str:
    """The same, to begin a sentence."""
    words = {
        "document": QCoreApplication.translate("Units", "Per document"),
        "record": QCoreApplication.translate("Units", "Per passage"),
        "corpus": QCoreApplication.translate("Units", "For your whole text"),
        "none": QCoreApplication.translate("Units", "No guarantee"),
    }
    return words.get(unit, unit)


def epsilon_meaning(epsilon: float, unit: str) -> str:
    """What a limit means for the worst case of one guess about one unit, in words.

    An attacker who starts from a coin flip ends at most e^ε / (1 + e^ε) sure (δ aside).
    """
    sure = min(99.99, 100 / (1 + math.exp(-epsilon)))
    shown = figures.number(math.ceil(sure * 100) / 100, 2) if sure > 99 else figures.count(math.ceil(sure))
    guesses = {
        "document": QCoreApplication.translate(
            "Units", "Who guesses whether a document is in there goes from 50 % to at most {0} % sure."
        ),
        "corpus": QCoreApplication.translate(
            "Units", "Who guesses whether it was your text or another goes from 50 % to at most {0} % sure."
        ),
    }
    passage = QCoreApplication.translate(
        "Units", "Who guesses whether a passage is in there goes from 50 % to at most {0} % sure."
    )
    return guesses.get(unit, passage).format(shown)


def verdict_title(verdict: str) -> str:
    """Whether learning can be expected at a price, in a word or three."""
    words = {
        "useful": QCoreApplication.translate("Units", "Useful at this limit"),
        "barely": QCoreApplication.translate("Units", "Barely useful at this limit"),
        "not useful": QCoreApplication.translate("Units", "Not useful at this limit"),
    }
    return words.get(verdict, "")


def verdict_word(verdict: str) -> str:
    """The same as a chip says it beside a limit that stands there already."""
    words = {
        "useful": QCoreApplication.translate("Units", "Useful"),
        "barely": QCoreApplication.translate("Units", "Barely useful"),
        "not useful": QCoreApplication.translate("Units", "Not useful"),
    }
    return words.get(verdict, "")


def verdict_meaning(verdict: str, few: bool) -> str:
    """The same in a sentence.

    Args:
        verdict: as the engine says it.
        few: there are fewer units than about a thousand, where only a plan that is useful is expected to learn.
    """
    if few and verdict != "useful":
        return QCoreApplication.translate(
            "Units", "With fewer than about 1,000 of them, learning under this noise is unlikely. More text helps most."
        )
    words = {
        "useful": QCoreApplication.translate(
            "Units", "The noise leaves about half of what could be learned. An expectation, not a promise."
        ),
        "barely": QCoreApplication.translate(
            "Units", "The noise leaves a small part of what could be learned; more text or a wider limit leaves more."
        ),
        "not useful": QCoreApplication.translate(
            "Units", "The noise drowns what could be learned: privacy is spent for nearly nothing."
        ),
    }
    return words.get(verdict, "")
