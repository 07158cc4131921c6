"""What the system and the desktop tell: metered, idle, full screen; unknown wherever nobody says."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from support.fake_programs import FakePrograms

from core.hardware import idle
from core.hardware.idle import read_idle_s
from core.hardware.network import read_metered
from core.hardware.programs import MAX_OUTPUT, output_of
from core.hardware.screen import read_full_screen

CONNECTED = "GENERAL.STATE:100 (connected)\n"


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FakePrograms:
    for name in ("DISPLAY", "WAYLAND_DISPLAY", "XDG_RUNTIME_DIR", "XDG_SESSION_ID"):
        monkeypatch.delenv(name, raising=False)
    return FakePrograms(tmp_path / "bin", monkeypatch)


def test_a_program_that_is_missing_fails_hangs_or_floods(programs: FakePrograms) -> None:
    assert output_of("nobody") is None
    programs.give("fails", "echo words; exit 3")
    assert output_of("fails") is None
    programs.give("hangs", "exec /bin/sleep 60")
    began = time.monotonic()
    assert output_of("hangs", timeout_s=0.2) is None
    assert time.monotonic() - began < 30
    programs.give("floods", "/usr/bin/head -c 1000000 /dev/zero")
    assert len(output_of("floods") or "") == MAX_OUTPUT
    programs.give("says", 'printf "%s" "$*"')
    assert output_of("says", "a b", "c") == "a b c"


def test_a_program_sees_no_secret(programs: FakePrograms, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HEDGEROW_PASSPHRASE_FILE", "/secret")
    programs.give("env", "/usr/bin/env")
    assert "HEDGEROW" not in (output_of("env") or "HEDGEROW")


@pytest.mark.parametrize(
    ("said", "metered"),
    [("u 1", True), ("u 2", False), ("u 3", True), ("u 4", False), ("u 0", None), ("u 9", None)],
)
def test_network_manager_says_whether_the_network_is_metered(
    programs: FakePrograms, said: str, metered: bool | None
) -> None:
    programs.give("busctl", f'test "$5" = Metered && echo "{said}"')
    assert read_metered() is metered


@pytest.mark.parametrize(
    ("devices", "metered"),
    [
        (CONNECTED + "GENERAL.METERED:yes (guessed)\n", True),
        (CONNECTED + "GENERAL.METERED:no (guessed)\n", False),
        ("GENERAL.STATE:30 (disconnected)\nGENERAL.METERED:yes\n\n" + CONNECTED + "GENERAL.METERED:no", False),
        (CONNECTED + "GENERAL.METERED:unknown\n", None),
        ("nonsense", None),
    ],
)  # fmt: skip
def test_without_the_bus_the_connected_devices_count(
    programs: FakePrograms, devices: str, metered: bool | None
) -> None:
    programs.give("busctl", "exit 1")
    programs.give("nmcli", f"/bin/cat <<'E'\n{devices}\nE")
    assert read_metered() is metered


def test_nobody_says(programs: FakePrograms, monkeypatch: pytest.MonkeyPatch) -> None:
    assert read_metered() is None
    monkeypatch.setenv("DISPLAY", ":77")
    monkeypatch.setenv("XDG_RUNTIME_DIR", "/run/user/0")
    monkeypatch.setenv("XDG_SESSION_ID", "3")
    assert read_idle_s() is None
    assert read_full_screen() is None


def test_idle_time_by_the_desktop_that_knows_it(programs: FakePrograms, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", "/run/user/1")
    monkeypatch.setenv("DISPLAY", ":77")
    programs.give("xprintidle", "echo 90500")
    assert read_idle_s() == 90.5
    programs.give("busctl", 'test "$1" = --user && echo "t 4200"')
    assert read_idle_s() == 4.2
    programs.give("busctl", "exit 1")
    monkeypatch.setenv("WAYLAND_DISPLAY", "wayland-0")
    assert read_idle_s() is None


@pytest.mark.parametrize(
    ("fields", "seconds"),
    [
        (("yes", "1000000000000000", "wayland"), 50.0),
        (("no", "1000000000000000", "x11"), 0.0),
        (("no", "0", "x11"), None),
        (("yes", "1000000000000000", "tty"), None),
        (("yes", "soon", "x11"), None),
    ],
)
def test_idle_time_by_the_login_service(
    programs: FakePrograms, monkeypatch: pytest.MonkeyPatch, fields: tuple[str, str, str], seconds: float | None
) -> None:
    monkeypatch.setattr(idle.time, "time", lambda: 1_000_000_050.0)
    monkeypatch.setenv("XDG_SESSION_ID", "c2")
    hint, since, kind = fields
    programs.give("loginctl", f'echo "IdleHint={hint}"; echo "IdleSinceHint={since}"; echo "Type={kind}"')
    assert read_idle_s() == seconds
    monkeypatch.setenv("XDG_SESSION_ID", "3 --host elsewhere")
    assert read_idle_s() is None


@pytest.mark.parametrize(
    ("window", "state", "x11", "wayland"),
    [
        ("0x3a00007", "_NET_WM_STATE(ATOM) = _NET_WM_STATE_FULLSCREEN", True, True),
        ("0x3a00007", "_NET_WM_STATE(ATOM) = _NET_WM_STATE_MAXIMIZED_VERT", False, None),
        ("0x3a00007", '_NET_WM_STATE_FULLSCREEN\nWM_CLASS(STRING) = "hedgerow", "Hedgerow"', False, None),
        ("0x0", "", False, None),
    ],
)
def test_full_screen(
    programs: FakePrograms, monkeypatch: pytest.MonkeyPatch, window: str, state: str, x11: bool, wayland: bool | None
) -> None:
    root = f'if test "$1" = -root; then echo "_NET_ACTIVE_WINDOW(WINDOW): window id # {window}"; exit; fi'
    programs.give("xprop", f"{root}\ntest \"$2\" = {window} && /bin/cat <<'E'\n{state}\nE")
    assert read_full_screen() is None
    monkeypatch.setenv("DISPLAY", ":77")
    assert read_full_screen() is x11
    monkeypatch.setenv("WAYLAND_DISPLAY", "wayland-0")
    assert read_full_screen() is wayland
