"""The doctor's checks in the owner's language: code → what was found and what mends it; else the engine's own words."""

from __future__ import annotations

from PySide6.QtCore import QT_TRANSLATE_NOOP, QCoreApplication

from app.words import sentences, strangers
from core.api.messages.state import Check

CONTEXT = "Checks"
NAMES: dict[str, str] = {
    "home": str(QT_TRANSLATE_NOOP("Checks", "Folder")),
    "disk": str(QT_TRANSLATE_NOOP("Checks", "Disk")),
    "keystore": str(QT_TRANSLATE_NOOP("Checks", "Keys")),
    "ledger": str(QT_TRANSLATE_NOOP("Checks", "Ledger")),
    "settings": str(QT_TRANSLATE_NOOP("Checks", "Settings")),
    "sandbox": str(QT_TRANSLATE_NOOP("Checks", "Sandbox")),
    "worker": str(QT_TRANSLATE_NOOP("Checks", "Trainer")),
    "GPU": str(QT_TRANSLATE_NOOP("Checks", "GPU")),
    "traffic": str(QT_TRANSLATE_NOOP("Checks", "Traffic")),
}
KINDS: dict[str, str] = {
    "text": str(QT_TRANSLATE_NOOP("Checks", "Text {name}")),
    "federation": str(QT_TRANSLATE_NOOP("Checks", "Federation {name}")),
}
FOUND: dict[str, str] = {
    "home_private": str(QT_TRANSLATE_NOOP("Checks", "{path} is yours alone.")),
    "home_open": str(QT_TRANSLATE_NOOP("Checks", "{path} is open to others.")),
    "disk_free": str(QT_TRANSLATE_NOOP("Checks", "{free_bytes} free.")),
    "disk_low": str(QT_TRANSLATE_NOOP("Checks", "Only {free_bytes} free.")),
    "keys_here": str(QT_TRANSLATE_NOOP("Checks", "The keys are in {place}.")),
    "keys_elsewhere": str(QT_TRANSLATE_NOOP("Checks", "The keys were in {place} and are not here.")),
    "ledger_whole": str(QT_TRANSLATE_NOOP("Checks", "{entries} entries, the chain is unbroken.")),
    "ledger_back": str(QT_TRANSLATE_NOOP("Checks", "The ledger went back in time. Nothing more is spent.")),
    "ledger_newer": str(
        QT_TRANSLATE_NOOP("Checks", "{name} saw a newer ledger of this machine. Nothing more is spent.")
    ),
    "settings_readable": str(QT_TRANSLATE_NOOP("Checks", "The file can be read.")),
    "sandbox": str(QT_TRANSLATE_NOOP("Checks", "Reader and trainer are locked in by {level}.")),
    "sandbox_none": str(QT_TRANSLATE_NOOP("Checks", "This system offers none, so nothing is trained.")),
    "torch_here": str(QT_TRANSLATE_NOOP("Checks", "torch is installed.")),
    "torch_missing": str(QT_TRANSLATE_NOOP("Checks", "torch is not installed.")),
    "runtime_current": str(QT_TRANSLATE_NOOP("Checks", "The compute runtime is installed.")),
    "runtime_damaged": str(QT_TRANSLATE_NOOP("Checks", "The compute runtime does not start any more.")),
    "runtime_missing": str(QT_TRANSLATE_NOOP("Checks", "The compute runtime is not installed yet.")),
    "runtime_outdated": str(QT_TRANSLATE_NOOP("Checks", "The compute runtime is too old for this version.")),
    "runtime_renewable": str(QT_TRANSLATE_NOOP("Checks", "The compute runtime works; newer packages are known.")),
    "gpu_none": str(QT_TRANSLATE_NOOP("Checks", "No NVIDIA driver is here. Training runs on the processor.")),
    "traffic": str(QT_TRANSLATE_NOOP("Checks", "{month_bytes} sent and received this month.")),
    "text_ready": str(QT_TRANSLATE_NOOP("Checks", "Ready: {tokens} tokens, {skipped} files skipped.")),
    "text_reading": str(QT_TRANSLATE_NOOP("Checks", "Being read: {tokens} tokens so far, {skipped} files skipped.")),
    "federation_reached": str(QT_TRANSLATE_NOOP("Checks", "Reached at {address}.")),
}
_RUNTIME = str(QT_TRANSLATE_NOOP("Checks", "Press Install compute runtime on the page Compute."))
FIXES: dict[str, str] = {
    "home_open": str(QT_TRANSLATE_NOOP("Checks", "In a terminal: chmod 700 {path}")),
    "disk_low": str(QT_TRANSLATE_NOOP("Checks", "Free some space, or move the folder with HEDGEROW_HOME.")),
    "keys_elsewhere": str(QT_TRANSLATE_NOOP("Checks", "Unlock the place used before.")),
    "ledger_back": str(QT_TRANSLATE_NOOP("Checks", "Put the newer ledger.db back.")),
    "ledger_newer": str(
        QT_TRANSLATE_NOOP(
            "Checks", "Put the newer ledger.db back. If you never restored an older one, leave that federation."
        )
    ),
    "sandbox_none": str(QT_TRANSLATE_NOOP("Checks", "Install libseccomp.")),
    "torch_missing": str(QT_TRANSLATE_NOOP("Checks", "Install Hedgerow's requirements again.")),
    "runtime_damaged": _RUNTIME,
    "runtime_missing": _RUNTIME,
    "runtime_outdated": _RUNTIME,
}


def name(check: Check) -> str:
    """What was checked."""
    if check.name in NAMES:
        return QCoreApplication.translate(CONTEXT, NAMES[check.name])
    kind, _, rest = check.name.partition(" ")
    if kind in KINDS and rest:
        return QCoreApplication.translate(CONTEXT, KINDS[kind]).replace("{name}", strangers.name(rest))
    shown = strangers.plain(check.name, 40)
    return shown[:1].upper() + shown[1:]


def detail(check: Check) -> str:
    """What was found."""
    return _say(FOUND, check) or strangers.plain(check.detail)


def fix(check: Check) -> str:
    """What mends it; nothing where nothing has to be."""
    return "" if not check.fix else _say(FIXES, check) or strangers.plain(check.fix)


def _say(table: dict[str, str], check: Check) -> str:
    return sentences.fill(CONTEXT, [table[check.code]], check.args) if check.code in table else ""
