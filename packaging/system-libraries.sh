#!/bin/sh
# Name the system libraries that are missing and the one command that brings them; run it where that is allowed.
set -eu
here=$(dirname "$0")
ldconfig=$(command -v ldconfig || echo /sbin/ldconfig)
[ -x "$ldconfig" ] || exit 0
known=$("$ldconfig" -p)
missing=""
while read -r library package; do
    case "$library" in '' | '#'*) continue ;; esac
    case "$known" in *"$library "*) ;; *) missing="$missing $package" ;; esac
done <"$here/debian-packages.txt"
[ -n "$missing" ] || exit 0
echo "Qt and the sandbox need system libraries that are not here. The command that installs them:" >&2
echo "    apt-get install --no-install-recommends$missing" >&2
if [ "$(id -u)" = 0 ] && [ -f /etc/debian_version ]; then
    apt-get update -qq
    # shellcheck disable=SC2086
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing
else
    echo "The commands work without those of Qt; without libseccomp2 nothing is read or trained." >&2
fi
