"""Whether the network in use is paid by volume. NetworkManager knows; where it does not run, nothing is claimed."""

from __future__ import annotations

import re
from typing import Final

from core.hardware.programs import output_of

_SERVICE: Final = "org.freedesktop.NetworkManager"
_ASK_BUS: Final = ("get-property", _SERVICE, "/org/freedesktop/NetworkManager", _SERVICE, "Metered")
_METERED: Final = {1: True, 2: False, 3: True, 4: False}
"""NMMetered: yes, no, guessed yes, guessed no; 0 is unknown."""


def read_metered() -> bool | None:
    """``True`` on a metered network, ``None`` where the system does not say."""
    said = output_of("busctl", *_ASK_BUS)
    if said is not None and (found := re.fullmatch(r"u (\d)\s*", said)):
        return _METERED.get(int(found[1]))
    said = output_of("nmcli", "-t", "-f", "GENERAL.STATE,GENERAL.METERED", "device", "show")
    return None if said is None else _of_devices(said)


def _of_devices(said: str) -> bool | None:
    """Of ``nmcli``'s paragraphs, one a device: metered if any that is connected is; its words may be guesses."""
    found: list[bool] = []
    for paragraph in re.split(r"\n\s*\n", said):
        fields = dict(line.partition(":")[::2] for line in paragraph.splitlines())
        if fields.get("GENERAL.STATE", "").startswith("100 "):
            word = fields.get("GENERAL.METERED", "").partition(" ")[0]
            found += [word == "yes"] if word in ("yes", "no") else []
    return any(found) if found else None
