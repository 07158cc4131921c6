"""The window stays light: none of the heavy packages is loaded, and no binding drops references."""

from __future__ import annotations

import json
import subprocess
import sys

HEAVY = ["torch", "flwr", "numpy", "scipy", "tokenizers", "transformers", "httpx", "cryptography", "keyring", "psutil",
         "core.config", "core.engine", "core.ledger", "core.federation", "core.model", "core.data"]  # fmt: skip


def run(code: str) -> str:
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True, timeout=120)
    return done.stdout


def test_the_window_loads_nothing_heavy() -> None:
    code = (
        "import sys, json, app.window, app.application, app.tray;"
        f"print(json.dumps([m for m in {HEAVY!r} if m in sys.modules]))"
    )
    assert json.loads(run(code)) == []


def test_a_start_loads_no_page() -> None:
    """Together they are a fifth of the start, and in the tray nobody sees one."""
    code = "import sys, json, app.cli, app.application; print(json.dumps([m for m in sys.modules if '.pages.' in m]))"
    assert json.loads(run(code)) == ["app.pages.page"]


def test_twenty_thousand_void_calls_survive() -> None:
    """PySide6 6.12 dropped a reference to None on each void call under Python 3.11 and aborted after some thousand."""
    code = (
        "import sys; from PySide6.QtCore import QObject; o = QObject(); before = sys.getrefcount(None);"
        "[o.setObjectName('x') for _ in range(20000)];"
        "print(before - sys.getrefcount(None))"
    )
    assert int(run(code)) < 1_000
