"""How the window ends a child of its own: in silence, and gone when this returns."""

from __future__ import annotations

from PySide6.QtCore import QProcess

_KILL_MS = 1_000


def end(process: QProcess | None, patience_ms: int = 0) -> None:
    """End a child, if there is one; none of its signals is heard any more.

    Args:
        process: the child.
        patience_ms: how long it may take to end when it is asked; 0 kills it at once.
    """
    if process is None:
        return
    process.blockSignals(True)
    if process.state() != QProcess.ProcessState.NotRunning:
        if patience_ms:
            process.terminate()
        if not (patience_ms and process.waitForFinished(patience_ms)):
            process.kill()
            process.waitForFinished(_KILL_MS)
    process.deleteLater()
