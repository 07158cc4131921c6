"""The desktop's light or dark wish, from the settings portal, where Qt's own hint says nothing."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import SLOT, QObject, Slot
from PySide6.QtDBus import QDBusConnection, QDBusMessage, QDBusPendingCallWatcher, QDBusVariant

_SERVICE, _PATH = "org.freedesktop.portal.Desktop", "/org/freedesktop/portal/desktop"
_INTERFACE = "org.freedesktop.portal.Settings"
_NAMESPACE, _KEY = "org.freedesktop.appearance", "color-scheme"
_DARK, _LIGHT = 1, 2


class PortalColourScheme(QObject):
    """Follows the portal's ``color-scheme``; silent where there is no portal."""

    def __init__(self, on_dark: Callable[[bool], object], parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._on_dark = on_dark
        bus = QDBusConnection.sessionBus()
        interface = bus.interface()
        if not bus.isConnected() or interface is None or not interface.isServiceRegistered(_SERVICE).value():
            return
        slot = SLOT("changed(QString,QString,QDBusVariant)")
        bus.connect(_SERVICE, _PATH, _INTERFACE, "SettingChanged", self, slot)  # type: ignore[call-overload]
        ask = QDBusMessage.createMethodCall(_SERVICE, _PATH, _INTERFACE, "Read")
        ask.setArguments([_NAMESPACE, _KEY])
        self._watcher = QDBusPendingCallWatcher(bus.asyncCall(ask), self)
        self._watcher.finished.connect(self._on_answer)

    def _on_answer(self, watcher: QDBusPendingCallWatcher) -> None:
        reply = watcher.reply()
        if reply.type() == QDBusMessage.MessageType.ReplyMessage and reply.arguments():
            self._take(reply.arguments()[0])

    @Slot(str, str, QDBusVariant)
    def changed(self, namespace: str, key: str, value: QDBusVariant) -> None:
        """The owner switched the desktop's scheme."""
        if (namespace, key) == (_NAMESPACE, _KEY):
            self._take(value)

    def _take(self, value: object) -> None:
        for _ in range(3):
            if isinstance(value, QDBusVariant):
                value = value.variant()
        if value in (_DARK, _LIGHT):
            self._on_dark(value == _DARK)
