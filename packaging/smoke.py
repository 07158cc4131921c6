"""Try what ``build.py`` made as its owner would, and check that nothing stays. Run by ``make package``.

    python packaging/smoke.py [--out DIR] [--scratch DIR] [--only wheel|deb]

The wheel is installed into a fresh environment. The .deb is installed for real where this runs as root on Debian or
Ubuntu, used from ``/`` with an almost empty environment and a home of its own, so that no source tree can be imported,
and purged; then the lists of files from before and after are compared. On other machines that part is NOT RUN.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

PLACES = ("/usr", "/etc", "/opt", "/srv", "/var/lib", "/var/spool", "/var/mail", "/var/www")
"""Where a package or its use could leave something."""
NOT_OURS = (
    "/var/lib/apt/", "/var/lib/dpkg/", "/var/lib/systemd/", "/etc/ld.so.cache", "/usr/share/mime/",
    "/usr/share/icons/hicolor/icon-theme.cache", "/usr/share/applications/mimeinfo.cache", "/var/lib/texmf/",
    "/var/lib/swcatalog/", "/var/lib/app-info/",
)  # fmt: skip
"""What dpkg's triggers, apt and the developer's own tools keep for themselves."""
TIMES: list[tuple[str, float]] = []


@contextmanager
def timed(what: str) -> Iterator[None]:
    """Say what was tried and how long it took."""
    print(f"  {what} …", flush=True)
    began = time.monotonic()
    yield
    TIMES.append((what, time.monotonic() - began))
    print(f"    {TIMES[-1][1]:.1f} s", flush=True)


def run(
    *command: str | Path, environment: dict[str, str] | None = None, cwd: Path | str = "/", timeout: float = 900
) -> str:
    """Run a program; what it said is shown if it fails."""
    done = subprocess.run(
        [str(part) for part in command],
        capture_output=True,
        text=True,
        env=environment,
        cwd=cwd,
        timeout=timeout,
        check=False,
    )
    if done.returncode:
        print(done.stdout[-5000:], done.stderr[-5000:], sep="\n")
        raise SystemExit(f"FAILED ({done.returncode}): {' '.join(map(str, command))}")
    return done.stdout


def bare(home: Path, **more: str) -> dict[str, str]:
    """What a program started by a desktop could count on at least."""
    passphrase = home / "passphrase"
    passphrase.write_text("a passphrase for the trial\n", encoding="utf-8")
    passphrase.chmod(0o600)
    found = {"HOME": str(home), "PATH": "/usr/bin:/bin", "LANG": "C.UTF-8"}
    # The registry that the lock was made against, wherever pip was told of it.
    found |= {name: value for name, value in os.environ.items() if name.startswith("PIP_")}
    for own in (Path.home() / ".config" / "pip" / "pip.conf", Path.home() / ".pip" / "pip.conf"):
        if own.is_file():
            found.setdefault("PIP_CONFIG_FILE", str(own))
    return found | {"HEDGEROW_PASSPHRASE_FILE": str(passphrase)} | more


def window(command: list[str], environment: dict[str, str], *, shows: Callable[[], bool] = lambda: True) -> float:
    """Open the window, wait until it is there, end it; seconds until it was there."""
    home = Path(environment["HOME"]) / ".local" / "share" / "hedgerow"
    door = home / "run" / "window.sock"
    process = subprocess.Popen(
        command, env=environment, cwd="/", stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    began = time.monotonic()
    try:
        while not (door.exists() and shows()):
            if process.poll() is not None or time.monotonic() - began > 60:
                process.kill()
                raise SystemExit(f"FAILED: the window did not open: {process.communicate()[0][-3000:]}")
            time.sleep(0.02)
        took = time.monotonic() - began
        time.sleep(2.0)
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
    said = process.communicate(timeout=60)[0]
    if process.returncode:
        raise SystemExit(f"FAILED: the window ended with {process.returncode}: {said[-3000:]}")
    return took


def try_wheel(out: Path, scratch: Path) -> None:
    """Into a fresh environment, used, and gone with it."""
    built = next(out.glob("hedgerow-*.whl"))
    place, home = scratch / "wheel", scratch / "wheel-home"
    home.mkdir(parents=True)
    with timed("wheel: a fresh environment"):
        run(sys.executable, "-m", "venv", place)
        run(place / "bin" / "python", "-m", "pip", "install", "--quiet", built, timeout=1_800)
    program = place / "bin" / "hedgerow"
    environment = bare(home)
    with timed("wheel: hedgerow --help"):
        run(program, "--help", environment=environment)
    with timed("wheel: the window opens and closes"):
        window([str(program)], environment | {"QT_QPA_PLATFORM": "offscreen"})
    with timed("wheel: menu entry, autostart, service; uninstall takes them away"):
        for words in (("desktop", "install"), ("autostart", "on"), ("service", "install")):
            run(program, *words, environment=environment)
        run("desktop-file-validate", *home.rglob("*.desktop"))
        run(program, "uninstall", "--yes", environment=environment)
    expect_empty(home, "passphrase")
    run(place / "bin" / "python", "-m", "pip", "uninstall", "--quiet", "--yes", "hedgerow")
    left = [path for path in place.rglob("*") if "hedgerow" in path.name.lower()]
    left += [place / "lib" / name for name in ("app", "core", "resources") if (place / "lib" / name).exists()]
    if left:
        raise SystemExit(f"FAILED: pip uninstall left {left}")
    shutil.rmtree(place)


def expect_empty(home: Path, *but: str) -> None:
    """Nothing but empty folders and these names may be left."""
    left = [path for path in home.rglob("*") if not path.is_dir() and path.name not in but]
    if left:
        raise SystemExit(f"FAILED: left in the home: {left[:20]}")


def files() -> dict[str, int]:
    """Every file and folder of the system that could be ours, with its size."""
    found: dict[str, int] = {}
    for place in PLACES:
        for folder, names, files_here in os.walk(place):
            for name in (*names, *files_here):
                path = os.path.join(folder, name)
                if not path.startswith(NOT_OURS) and f"{path}/" not in NOT_OURS:
                    found[path] = os.lstat(path).st_size if os.path.lexists(path) else -1
    return found


def try_deb(out: Path, scratch: Path) -> None:
    """Installed for real, used from elsewhere, uninstalled, purged, and nothing left."""
    package = next(out.glob("hedgerow_*.deb"))
    home = scratch / "deb-home"
    home.mkdir(parents=True)
    before = files()
    with timed("deb: apt-get install"):
        apt("install", str(package))
    try:
        use_deb(home)
    finally:
        with timed("deb: apt-get purge"):
            apt("purge", "hedgerow")
    after = files()
    new = sorted(set(after) - set(before))
    gone = sorted(set(before) - set(after))
    if new or gone:
        raise SystemExit(f"FAILED: the package left {new[:20]} and took {gone[:20]}")
    print(f"    {len(before):,} files and folders before, the same after")


def apt(*words: str) -> None:
    """apt-get without questions; what the package needs is there already or is fetched, and stays the system's."""
    environment = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
    flags = ("-y", "-qq", "--no-install-recommends", "-o", "Dpkg::Use-Pty=0")
    run("apt-get", words[0], *flags, *words[1:], environment=environment)


def use_deb(home: Path) -> None:
    """What an owner does first."""
    program = "/usr/bin/hedgerow"
    environment = bare(home)
    asked: dict[str, Any]
    with timed("deb: hedgerow --help"):
        run(program, "--help", environment=environment)
    with timed("deb: man page and completion"):
        run(
            "man",
            "--warnings",
            "-l",
            "/usr/share/man/man1/hedgerow.1.gz",
            environment=environment | {"MANPAGER": "cat"},
        )
        words = {"_HEDGEROW_COMPLETE": "complete_bash", "COMP_WORDS": "hedgerow runt", "COMP_CWORD": "1"}
        if run(program, environment=environment | words).strip() != "runtime":
            raise SystemExit("FAILED: the completion does not know `runtime`")
    with timed("deb: hedgerow runtime says that it is missing"):
        asked = json.loads(run(program, "runtime", "--json", environment=environment))
        if asked["state"] != "missing":
            raise SystemExit(f"FAILED: {asked}")
        refused = subprocess.run(
            [program, "demo", "--headless"], env=environment, cwd="/", capture_output=True, text=True
        )
        if refused.returncode != 1 or "hedgerow runtime install" not in refused.stderr:
            raise SystemExit(f"FAILED: the demo without a runtime says {refused.stderr}")
    with timed("deb: hedgerow doctor says what is missing"):
        run(program, "start", environment=environment)
        checks = doctor(program, environment)
        if [check["name"] for check in checks if not check["ok"]] != ["worker"]:
            raise SystemExit(f"FAILED: {checks}")
    took = window([program], environment | {"QT_QPA_PLATFORM": "offscreen"})
    print(f"  deb: the window, offscreen, open after {took:.2f} s", flush=True)
    try_display(program, environment)
    with timed("deb: hedgerow runtime install --variant cpu"):
        asked = json.loads(
            run(
                program,
                "runtime",
                "install",
                "--variant",
                "cpu",
                "--yes",
                "--json",
                environment=environment,
                timeout=3_600,
            )
        )
        print(f"      {asked['sentence']} torch {asked['torch']}, {asked['size_bytes'] / 1e6:.0f} MB", flush=True)
        if asked["state"] != "current":
            raise SystemExit(f"FAILED: {asked}")
    with timed("deb: hedgerow doctor finds nothing any more"):
        checks = doctor(program, environment)
        print("\n".join(f"      {check['name']}: {check['detail']}" for check in checks), flush=True)
        if not all(check["ok"] for check in checks):
            raise SystemExit(f"FAILED: {checks}")
    with timed("deb: hedgerow demo --headless --rounds 1"):
        kept = home / "kept"
        asked = json.loads(
            run(program, "demo", "--headless", "--rounds", "1", "--json", "--keep", str(kept), environment=environment)
        )
        print(f"      bits per byte {asked['bits_per_byte']}", flush=True)
    with timed("deb: a text is read and measured by the engine"):
        (home / "text.txt").write_text("A hedgerow is a line of shrubs. " * 400, encoding="utf-8")
        run(program, "corpus", "add", str(home / "text.txt"), environment=environment)
        print("      " + run(program, "corpus", "list", environment=environment).splitlines()[-1].strip(), flush=True)
        run(program, "hardware", "--probe", environment=environment)
    with timed("deb: hedgerow uninstall --yes"):
        run(program, "autostart", "on", environment=environment)
        run(program, "service", "install", environment=environment)
        run(program, "uninstall", "--yes", environment=environment)
    shutil.rmtree(kept, ignore_errors=True)
    for path in home.glob("demo-model*"):
        shutil.rmtree(path)
    expect_empty(home, "passphrase", "text.txt")


def doctor(program: str, environment: dict[str, str]) -> list[dict[str, Any]]:
    """Its checks; it fails where one does."""
    done = subprocess.run(
        [program, "doctor", "--json"], env=environment, cwd="/", capture_output=True, text=True, check=False
    )
    found: list[dict[str, Any]] = json.loads(done.stdout)["checks"]
    return found


def try_display(program: str, environment: dict[str, str]) -> None:
    """The same on a display, where there is one to be had, seen by its title."""
    if not (shutil.which("Xvfb") and shutil.which("xwininfo")):
        print("  deb: the window on a display: NOT RUN, Xvfb or xwininfo is not installed")
        return
    number = next(n for n in range(90, 200) if not Path(f"/tmp/.X11-unix/X{n}").exists())
    display = subprocess.Popen(["Xvfb", f":{number}", "-screen", "0", "1280x800x24"], stderr=subprocess.DEVNULL)
    shown = environment | {"DISPLAY": f":{number}"}
    try:
        time.sleep(1.5)

        def titled() -> bool:
            seen = subprocess.run(
                ["xwininfo", "-root", "-tree"], env=shown, capture_output=True, text=True, check=False
            )
            return '"Hedgerow"' in seen.stdout

        print(f"  deb: the window on a display, seen after {window([program], shown, shows=titled):.2f} s", flush=True)
    finally:
        display.terminate()
        display.wait()


def main() -> int:
    """Entry point."""
    parser = argparse.ArgumentParser(description="Try the wheel and the .deb.")
    parser.add_argument("--out", type=Path, default=Path(__file__).resolve().parents[1] / "dist")
    parser.add_argument("--scratch", type=Path, help="where to work; a temporary folder by default")
    parser.add_argument("--only", choices=("wheel", "deb"))
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="hedgerow-trial-", dir=options.scratch) as folder:
        if options.only != "deb":
            try_wheel(options.out.absolute(), Path(folder))
        if options.only != "wheel":
            if os.geteuid() == 0 and Path("/etc/debian_version").exists():
                try_deb(options.out.absolute(), Path(folder))
            else:
                print("  deb: NOT RUN, this is no root on Debian or Ubuntu")
    for what, seconds in TIMES:
        print(f"{seconds:8.1f} s  {what}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
