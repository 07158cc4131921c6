#!/bin/sh
# NOT TESTED. Makes Hedgerow.app on macOS; the bundle's Info.plist with the URL scheme is in packaging/pyinstaller/hedgerow.spec.
# Needs an icon set as build/icons/hedgerow.icns (iconutil, from the PNGs of packaging/icons.py), and signing by its publisher.
# On macOS the sandbox and therefore training do not work yet; see README.md.
set -eu
root=$(cd "$(dirname "$0")/../.." && pwd)
work="$root/build/package"
mkdir -p "$work"
python3 -m venv "$work/venv"
"$work/venv/bin/python" -m pip install --quiet --upgrade pip 'pyinstaller>=6.11,<7' "$root"
cd "$work"
"$work/venv/bin/python" -m PyInstaller --noconfirm --distpath "$root/dist" --workpath "$work/pyinstaller" \
    "$root/packaging/pyinstaller/hedgerow.spec"
# The compute runtime reads the source of core beside the binary.
lib="$root/dist/Hedgerow.app/Contents/lib"
"$work/venv/bin/python" -m pip install --quiet --no-deps --target "$lib" "$root"
"$work/venv/bin/python" "$root/packaging/runtime_lock.py" "$lib/runtime-lock.json"
