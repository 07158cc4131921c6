"""Menu entry and autostart: what is written is valid, found by desktops, and gone again without a trace."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from app import cli
from app.desktop import autostart, desktop_entry

HOSTILE = '/home/a b/$HOME/`id`/100%/"q"/back\\slash'


@pytest.fixture
def user(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HOME", str(tmp_path))
    for variable in ("XDG_DATA_HOME", "XDG_CONFIG_HOME", "HEDGEROW_HOME"):
        monkeypatch.delenv(variable, raising=False)
    return tmp_path


def files(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if not path.is_dir()}


def valid(*paths: Path) -> None:
    tool = shutil.which("desktop-file-validate")
    if tool is None:
        pytest.skip("desktop-file-validate is not installed")
    said = subprocess.run([tool, *map(str, paths)], capture_output=True, text=True, check=False)
    assert said.returncode == 0, said.stdout
    assert "error" not in said.stdout


def test_it_is_written_valid_and_gone_again(user: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["desktop", "install"]) == 0
    assert desktop_entry.installed()
    entry = user / ".local/share/applications/org.hedgerow.Hedgerow.desktop"
    text = entry.read_text("utf-8")
    assert "MimeType=x-scheme-handler/hedgerow;" in text
    assert "StartupWMClass=org.hedgerow.Hedgerow" in text
    assert text.count("Comment[") == 2
    assert len([path for path in files(user) if path.endswith(".svg")]) == 2
    valid(entry)
    assert cli.main(["desktop", "remove"]) == 0
    assert files(user) == set()
    assert not (user / ".local/share/icons").exists()
    assert cli.main(["desktop", "remove"]) == 0
    assert "no menu entry" in capsys.readouterr().err


def test_other_peoples_entries_stay(user: Path) -> None:
    other = user / ".local/share/applications/other.desktop"
    other.parent.mkdir(parents=True)
    other.write_text("[Desktop Entry]\nType=Application\nName=Other\nExec=other\n")
    desktop_entry.install()
    desktop_entry.remove()
    assert other.exists()


def test_what_a_folder_is_called_is_never_read_as_something_else() -> None:
    (line,) = [line for line in desktop_entry.text([HOSTILE, "plain"]).splitlines() if line.startswith("Exec=")]
    value = line.removeprefix("Exec=").replace("\\\\", "\\")  # the value's own escapes come off first
    quoted, rest = value[1:].rsplit('"', 1)
    assert rest == " plain %u"
    assert re.sub(r'\\(["`$\\])', r"\1", quoted).replace("%%", "%") == HOSTILE
    assert not re.search(r'(?<!\\)["`$]', quoted.replace("\\\\", "")), "nothing in it ends the quotes"
    with pytest.raises(ValueError, match="control characters"):
        desktop_entry.quoted("a\nExec=evil")


def test_the_program_is_named_by_its_place(user: Path) -> None:
    assert Path(desktop_entry.program()[0]).is_absolute()


def test_autostart_is_off_until_it_is_asked_for(user: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert not autostart.is_on()
    assert cli.main(["autostart", "on"]) == 0
    assert autostart.is_on()
    text = autostart.path().read_text("utf-8")
    assert "--background" in text
    assert "X-GNOME-Autostart-Delay=20" in text
    assert autostart.path() == user / ".config/autostart/org.hedgerow.Hedgerow.desktop"
    valid(autostart.path())
    assert cli.main(["autostart", "status", "--json"]) == 0
    assert '"on": true' in capsys.readouterr().out
    assert cli.main(["autostart", "off"]) == 0
    assert not autostart.is_on()
    assert not (user / ".config/autostart").exists()
    assert cli.main(["autostart", "off"]) == 0


@pytest.mark.parametrize("line", ["Hidden=true", "X-GNOME-Autostart-enabled = false"])
def test_what_a_desktop_switched_off_is_off(user: Path, line: str) -> None:
    autostart.switch_on()
    text = autostart.path().read_text("utf-8").replace("X-GNOME-Autostart-enabled=true", line)
    autostart.path().write_text(text)
    assert not autostart.is_on()


def test_another_home_is_kept(user: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HEDGEROW_HOME", "/some/other home")
    assert '--home "/some/other home" --background' in autostart.switch_on().read_text("utf-8")


def test_a_folder_that_cannot_be_written_is_named(user: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (user / ".config").write_text("a file")
    assert cli.main(["autostart", "on"]) == 1
    assert "cannot be written" in capsys.readouterr().err
