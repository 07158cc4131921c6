"""Render the application's icon as the PNG sizes that desktops ask for; Qt draws it, as it does in the window.

python packaging/icons.py OUT    →  OUT/16.png … OUT/512.png
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

SIZES = (16, 22, 24, 32, 48, 64, 128, 256, 512)
SOURCE = Path(__file__).resolve().parents[1] / "resources" / "icons" / "app.svg"


def main() -> int:
    """Entry point."""
    os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    from PySide6.QtGui import QGuiApplication, QImage, QPainter
    from PySide6.QtSvg import QSvgRenderer

    application = QGuiApplication(sys.argv[:1])
    out = Path(sys.argv[1])
    out.mkdir(parents=True, exist_ok=True)
    drawing = QSvgRenderer(str(SOURCE))
    for size in SIZES:
        image = QImage(size, size, QImage.Format.Format_ARGB32)
        image.fill(0)
        painter = QPainter(image)
        drawing.render(painter)
        painter.end()
        if not image.save(str(out / f"{size}.png")):
            raise SystemExit(f"{out / f'{size}.png'} cannot be written")
    del application
    return 0


if __name__ == "__main__":
    sys.exit(main())
