"""What packaging says about the program is what the program says of itself."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tomllib
import xml.etree.ElementTree as ET
from pathlib import Path

import typer
from support.imports import ROOT

from app.cli import tree
from app.desktop import desktop_entry
from core.federation.invite import GATEWAY_NAME

PACKAGING = ROOT / "packaging"


def test_one_version_everywhere() -> None:
    version = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["version"]
    assert f'#define Version "{version}"' in (PACKAGING / "windows" / "hedgerow.iss").read_text("utf-8")


def test_one_id_everywhere() -> None:
    metainfo = ET.parse(PACKAGING / "desktop" / f"{desktop_entry.ID}.metainfo.xml.in").getroot()
    assert metainfo.findtext("id") == desktop_entry.ID
    assert metainfo.findtext("launchable") == f"{desktop_entry.ID}.desktop"
    manifest = (PACKAGING / "flatpak" / f"{desktop_entry.ID}.yml").read_text("utf-8")
    assert f"app-id: {desktop_entry.ID}\n" in manifest
    assert f'bundle_identifier="{desktop_entry.ID}"' in (PACKAGING / "pyinstaller" / "hedgerow.spec").read_text("utf-8")


def test_what_was_never_tried_says_so() -> None:
    for name in (
        "flatpak/org.hedgerow.Hedgerow.yml",
        "windows/hedgerow.iss",
        "macos/build.sh",
        "pyinstaller/hedgerow.spec",
    ):
        assert "NOT TESTED" in (PACKAGING / name).read_text("utf-8"), name


def test_pictures_that_the_metainfo_names_are_there() -> None:
    text = (PACKAGING / "desktop" / f"{desktop_entry.ID}.metainfo.xml.in").read_text("utf-8")
    named = re.findall(r"<image>[^<]*/pictures/([^<]+)</image>", text)
    assert named
    assert all((ROOT / "resources" / "pictures" / name).is_file() for name in named)


def test_the_man_page_knows_every_command(tmp_path: Path) -> None:
    program = [sys.executable, str(PACKAGING / "command_line_files.py"), str(tmp_path)]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    subprocess.run(program, check=True, capture_output=True, timeout=60, env=environment)
    page = (tmp_path / "hedgerow.1").read_text("utf-8").replace("\\-", "-")
    for name, command in typer.main.get_group(tree()).commands.items():
        assert f".SS hedgerow {name}" in page
        for inner in getattr(command, "commands", {}):
            assert f".SS hedgerow {name} {inner}" in page
    for shell in ("bash", "zsh", "fish"):
        assert "hedgerow" in (tmp_path / f"hedgerow.{shell}").read_text("utf-8")


def test_every_requirement_is_carried_or_left_to_the_runtime_by_name() -> None:
    """A new requirement must be placed: the binary takes it unless build.py names it."""
    wanted = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["dependencies"]
    names = {re.split(r"[<>=!~;\[ ]", line, maxsplit=1)[0].lower() for line in wanted}
    listed = re.search(r"NOT_IN_THE_BINARY = \((.*?)\)", (PACKAGING / "build.py").read_text("utf-8"), re.S)
    assert listed is not None
    assert set(re.findall(r'"([\w.-]+)"', listed[1])) <= names


COORDINATOR = PACKAGING / "coordinator"


def settings_of(name: str) -> str:
    """A sample without its comments."""
    lines = (COORDINATOR / name).read_text("utf-8").splitlines()
    return "\n".join(line for line in lines if not line.lstrip().startswith("#"))


def test_what_stands_in_front_knows_the_gateway_alone() -> None:
    """Never the SuperLink, no path of Flower's, and for volunteers no end of TLS before the gateway."""
    samples = sorted(path.name for path in COORDINATOR.iterdir() if "nginx" in path.name or "Caddy" in path.name)
    assert len(samples) == 4
    for name in samples:
        text = settings_of(name)
        assert GATEWAY_NAME in text, name
        assert not re.search(r"v1/|control|superlink|909[0-9]", text, re.I), name
        behind = set(re.findall(r"127\.0\.0\.1:(\d+)", text))
        assert "9443" in behind, name
        assert behind <= {"9443", "8443"}, name
    for name in ("nginx-stream.conf", "Caddyfile.layer4"):
        assert not re.search(r"certificate|terminate|\bssl;|^\s*tls\s*\{", settings_of(name), re.M), name
    page = settings_of("nginx-status-page.conf")
    assert "proxy_ssl_verify on;" in page
    assert re.findall(r"location ([^{]+) \{", page) == ["= /", "/"]
    assert "tls_insecure_skip_verify" not in settings_of("Caddyfile")
    assert "NOT TESTED" in (COORDINATOR / "Caddyfile.layer4").read_text("utf-8")


def test_the_coordinators_unit_is_narrow_and_leaves_what_the_move_needs() -> None:
    unit = settings_of("hedgerow-coordinator@.service")
    for line in (
        "User=hedgerow", "NoNewPrivileges=yes", "ProtectSystem=strict", "ProtectHome=yes", "PrivateTmp=yes",
        "RestrictNamespaces=user net", "CapabilityBoundingSet=", "Restart=on-failure", "KillMode=mixed",
        "OOMPolicy=continue", "StateDirectoryMode=0700",
    ):  # fmt: skip
        assert re.search(rf"^{re.escape(line)}$", unit, re.M), line
    for name in ("MemoryMax", "TasksMax", "SystemCallFilter"):
        assert re.search(rf"^{name}=.", unit, re.M), name
    assert not re.search(r"^(PrivateNetwork|PrivateUsers|MemoryDenyWriteExecute|ProcSubset)=", unit, re.M)
    assert unit.count("ExecStart=") == 1
    assert "/usr/bin/hedgerow host run /var/lib/hedgerow/%i" in unit
    assert re.search(r"^u hedgerow ", settings_of("hedgerow.sysusers"), re.M)
