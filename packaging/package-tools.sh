#!/bin/sh
# What `make package` uses beyond Python, on a Debian where this may be installed.
set -eu
missing=""
while read -r program package; do
    command -v "$program" >/dev/null || missing="$missing $package"
done <<LIST
desktop-file-validate desktop-file-utils
appstreamcli appstream
lintian lintian
strip binutils
Xvfb xvfb
xwininfo x11-utils
man man-db
LIST
dpkg -s python3-venv >/dev/null 2>&1 || missing="$missing python3-venv"
[ -n "$missing" ] || exit 0
apt-get update -qq
# shellcheck disable=SC2086
DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing
