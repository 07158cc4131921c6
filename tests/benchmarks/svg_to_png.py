"""``python tests/benchmarks/svg_to_png.py PICTURE.svg…``: the pictures as PNG beside them, by Qt, at twice the size.

The pictures themselves are made without Qt; this is for pages that show PNG only.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from PySide6.QtCore import QByteArray, QSize
from PySide6.QtGui import QGuiApplication, QImage, QImageReader, QPainter

SCALE = 2


def convert(path: Path) -> Path | None:
    """Write the PNG; ``None`` where this Qt cannot read SVG or the file holds no picture."""
    try:
        from PySide6.QtSvg import QSvgRenderer
    except ImportError:
        return _by_plugin(path)
    renderer = QSvgRenderer(QByteArray(path.read_bytes()))
    if not renderer.isValid():
        return None
    image = QImage(renderer.defaultSize() * SCALE, QImage.Format.Format_RGB32)
    image.fill(0xFFFFFFFF)
    painter = QPainter(image)
    renderer.render(painter)
    painter.end()
    return _saved(image, path)


def _by_plugin(path: Path) -> Path | None:
    reader = QImageReader(str(path))
    if not reader.canRead():
        return None
    size = reader.size()
    reader.setScaledSize(QSize(size.width() * SCALE, size.height() * SCALE))
    return _saved(reader.read(), path)


def _saved(image: QImage, path: Path) -> Path | None:
    target = path.with_suffix(".png")
    return target if not image.isNull() and image.save(str(target)) else None


def main(arguments: list[str]) -> int:
    """Convert what exists; 1 where one could not be."""
    os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    application = QGuiApplication.instance() or QGuiApplication(arguments)
    paths = [Path(name) for name in arguments[1:] if Path(name).exists()]
    found = [convert(path) for path in paths]
    for path, target in zip(paths, found, strict=True):
        print(target or f"{path}: this Qt cannot draw it")
    del application
    return 0 if all(found) else 1


if __name__ == "__main__":
    raise SystemExit(main(sys.argv))
