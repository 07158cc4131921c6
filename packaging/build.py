"""Build the wheel and the .deb into ``dist/``. Run by ``make package``; packaging/README.md says what is in them.

    python packaging/build.py [--work DIR] [--out DIR] [--only wheel]

Everything is made in a fresh environment below the work folder; nothing of the developer's own is touched.
"""

from __future__ import annotations

import argparse
import gzip
import hashlib
import html
import os
import re
import shutil
import subprocess
import sys
import time
import tomllib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from email.utils import formatdate
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
HERE = ROOT / "packaging"
ID = "org.hedgerow.Hedgerow"
NOT_IN_THE_BINARY = (
    "torch", "scipy", "dp-accounting", "starlette", "uvicorn", "tiktoken", "selectolax", "pypdfium2", "pyarrow",
    "defusedxml", "tokenizers", "charset-normalizer",
)  # fmt: skip
"""Requirements of the children alone, which run in the compute runtime."""
TOOLS = ("build", "hatchling", "pyinstaller>=6.11,<7")


@contextmanager
def timed(what: str) -> Iterator[None]:
    """Say what was done and how long it took."""
    began = time.monotonic()
    yield
    print(f"  {what}: {time.monotonic() - began:.0f} s", flush=True)


def run(*command: str | Path, **more: object) -> str:
    """Run a program; its output is shown only if it fails."""
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True, **more)  # type: ignore[call-overload]
    if done.returncode:
        sys.stderr.write(f"{' '.join(map(str, command))}\n{done.stdout[-6000:]}\n{done.stderr[-6000:]}\n")
        raise SystemExit(f"{command[0]} failed with {done.returncode}")
    return str(done.stdout)


def project() -> dict[str, object]:
    """``[project]`` of pyproject.toml."""
    found: dict[str, object] = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    return found


def epoch() -> int:
    """Time of the last commit, so that the same source gives the same dates; now where there is no repository."""
    if given := os.environ.get("SOURCE_DATE_EPOCH"):
        return int(given)
    asked = subprocess.run(
        ["git", "-C", str(ROOT), "log", "-1", "--format=%ct"], capture_output=True, text=True, check=False
    )
    return int(asked.stdout) if asked.returncode == 0 and asked.stdout.strip() else int(time.time())


def base_python() -> str:
    """The Python that is frozen: Debian's own where it has its shared library, so that no path of ours is in it."""
    ask = """
import glob, sys, sysconfig
name = sysconfig.get_config_var("INSTSONAME").replace(".a", ".so")
found = glob.glob(sysconfig.get_config_var("LIBDIR") + f"/**/{name}*", recursive=True)
sys.exit(not (found and (3, 11) <= sys.version_info[:2] <= (3, 13)))
"""
    system = "/usr/bin/python3"
    fits = os.access(system, os.X_OK) and subprocess.run([system, "-c", ask], check=False).returncode == 0
    return system if fits else sys.executable


def environment(work: Path) -> Path:
    """A fresh environment with the tools and what the binary carries; its Python."""
    shutil.rmtree(work / "venv", ignore_errors=True)
    run(base_python(), "-m", "venv", work / "venv")
    python = work / "venv" / "bin" / "python"
    needs = [
        line
        for line in project()["dependencies"]  # type: ignore[attr-defined]
        if re.split(r"[<>=!~;\[ ]", line, maxsplit=1)[0].lower() not in NOT_IN_THE_BINARY
    ]
    run(python, "-m", "pip", "install", "--quiet", "--upgrade", "pip")  # older ones report no hashes
    run(python, "-m", "pip", "install", "--quiet", *TOOLS, *needs)
    return python


def wheel(python: Path, out: Path) -> Path:
    """The wheel, for pipx, uv and pip."""
    for old in out.glob("hedgerow-*.whl"):
        old.unlink()
    run(python, "-m", "build", "--wheel", "--no-isolation", "--outdir", out, ROOT)
    return next(out.glob("hedgerow-*.whl"))


def frozen(python: Path, work: Path, built: Path) -> Path:
    """The folder with the binary."""
    run(python, "-m", "pip", "install", "--quiet", "--no-deps", "--force-reinstall", built)
    where = ("--distpath", str(work / "frozen"), "--workpath", str(work / "pyinstaller"))
    spec = HERE / "pyinstaller" / "hedgerow.spec"
    run(python, "-m", "PyInstaller", "--noconfirm", "--log-level", "WARN", *where, spec, cwd=work)
    folder = work / "frozen" / "app"
    for path in sorted(folder.rglob("*")):
        if path.is_file() and not path.is_symlink() and "numpy.libs" not in path.parts and _is_library(path):
            subprocess.run(["strip", "--strip-unneeded", str(path)], check=False, capture_output=True)
            path.chmod(0o755 if path.name == "hedgerow" else 0o644)
    return folder


def _is_library(path: Path) -> bool:
    # PyInstaller's binary carries its modules behind the ELF image: strip would cut them off.
    return path.name != "hedgerow" and path.open("rb").read(4) == b"\x7fELF"


def library(python: Path, built: Path, target: Path) -> None:
    """The source of ``core`` with what it reads, for the compute runtime; no window, no command line."""
    run(python, "-m", "pip", "install", "--quiet", "--no-deps", "--no-compile", "--target", target, built)
    for name in ("app", "bin", "resources/icons", "resources/themes", "resources/translations", "resources/pictures"):
        shutil.rmtree(target / name, ignore_errors=True)
    for path in target.glob("hedgerow-*.dist-info"):
        for name in ("RECORD", "direct_url.json", "INSTALLER", "REQUESTED", "licenses"):
            shutil.rmtree(path / name) if (path / name).is_dir() else (path / name).unlink(missing_ok=True)
    for path in target.rglob("__pycache__"):
        shutil.rmtree(path)


def releases() -> str:
    """What CHANGELOG.md lists, as AppStream wants it; what is not released yet is a development release."""
    found: list[str] = []
    heading = re.compile(r"^## \[(?P<version>[^\]]+)\](?: - (?P<date>\d{4}-\d\d-\d\d))?", re.M)
    for match in heading.finditer((ROOT / "CHANGELOG.md").read_text("utf-8")):
        unreleased = match["version"].lower() == "unreleased"
        number = str(project()["version"]) if unreleased else match["version"]
        date = match["date"] or time.strftime("%Y-%m-%d", time.gmtime(epoch()))
        kind = ' type="development"' if unreleased else ""
        found.append(f'    <release version="{html.escape(number)}" date="{date}"{kind} />')
    return "\n".join(found)


def write(path: Path, content: str | bytes, mode: int = 0o644) -> None:
    """A file of the package."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    path.chmod(mode)


def squeezed(text: str) -> bytes:
    """gzip as Debian wants it: best, and without a time."""
    return gzip.compress(text.encode(), 9, mtime=0)


def desktop_files(python: Path, share: Path, work: Path) -> None:
    """Menu entry, metainfo, icons, man page, completions."""
    sys.path.insert(0, str(ROOT))
    entry = run(
        python, "-c", "from app.desktop import desktop_entry; print(desktop_entry.text(['hedgerow']), end='')", cwd=ROOT
    )
    write(share / "applications" / f"{ID}.desktop", entry)
    metainfo = (HERE / "desktop" / f"{ID}.metainfo.xml.in").read_text("utf-8").replace("@RELEASES@", releases())
    write(share / "metainfo" / f"{ID}.metainfo.xml", metainfo)
    hicolor = share / "icons" / "hicolor"
    write(hicolor / "scalable" / "apps" / f"{ID}.svg", (ROOT / "resources" / "icons" / "app.svg").read_bytes())
    write(
        hicolor / "symbolic" / "apps" / f"{ID}-symbolic.svg", (ROOT / "resources" / "icons" / "leaf.svg").read_bytes()
    )
    run(python, HERE / "icons.py", work / "icons")
    for path in (work / "icons").glob("*.png"):
        write(hicolor / f"{path.stem}x{path.stem}" / "apps" / f"{ID}.png", path.read_bytes())
    run(python, HERE / "command_line_files.py", work / "shell")
    made = {shell: (work / "shell" / f"hedgerow.{shell}").read_text("utf-8") for shell in ("1", "bash", "zsh", "fish")}
    write(share / "man" / "man1" / "hedgerow.1.gz", squeezed(made["1"]))
    write(share / "bash-completion" / "completions" / "hedgerow", made["bash"])
    write(share / "zsh" / "vendor-completions" / "_hedgerow", made["zsh"])
    write(share / "fish" / "vendor_completions.d" / "hedgerow.fish", made["fish"])


def documents(share: Path, version: str) -> None:
    """Copyright, changelogs, what a coordinator's server needs as examples, lintian's overrides."""
    about = share / "doc" / "hedgerow"
    write(about / "copyright", (HERE / "deb" / "copyright").read_bytes())
    for path in sorted((HERE / "coordinator").iterdir()):
        write(about / "examples" / path.name, path.read_bytes())
    write(about / "changelog.gz", squeezed((ROOT / "CHANGELOG.md").read_text("utf-8")))
    entry = f"hedgerow ({version}) unstable; urgency=medium\n\n  * See changelog.gz.\n\n"
    entry += f" -- The Hedgerow developers <developers@hedgerow.org>  {formatdate(epoch())}\n"
    write(about / "changelog.Debian.gz", squeezed(entry))
    write(share / "lintian" / "overrides" / "hedgerow", (HERE / "deb" / "lintian-overrides").read_bytes())


def libraries() -> list[str]:
    """Packages that bring the system's libraries, from the only list of them."""
    lines = (HERE / "debian-packages.txt").read_text("utf-8").splitlines()
    return sorted({line.split()[1] for line in lines if line.strip() and not line.startswith("#")})


def deb(python: Path, work: Path, folder: Path, built: Path, out: Path) -> Path:
    """The .deb, from the frozen folder and the wheel."""
    tree = work / "tree"
    shutil.rmtree(tree, ignore_errors=True)
    home, share = tree / "usr" / "lib" / "hedgerow", tree / "usr" / "share"
    home.mkdir(parents=True)
    shutil.copytree(folder, home / "app", symlinks=True)
    library(python, built, home / "lib")
    with timed("lock of the compute runtime"):
        print(" ", run(python, HERE / "runtime_lock.py", home / "lib" / "runtime-lock.json").strip().split(": ", 1)[-1])
    (tree / "usr" / "bin").mkdir()
    (tree / "usr" / "bin" / "hedgerow").symlink_to("../lib/hedgerow/app/hedgerow")
    version = f"{project()['version']}-1"
    desktop_files(python, share, work)
    documents(share, version)
    for path in tree.rglob("*"):
        if not path.is_symlink():
            path.chmod(0o755 if path.is_dir() or (path.name == "hedgerow" and path.parent.name == "app") else 0o644)
    control(tree, version)
    architecture = run("dpkg", "--print-architecture").strip()
    package = out / f"hedgerow_{version}_{architecture}.deb"
    os.environ["SOURCE_DATE_EPOCH"] = str(epoch())
    run("dpkg-deb", "--root-owner-group", "-Zxz", "--build", tree, package)
    return package


def control(tree: Path, version: str) -> None:
    """DEBIAN/."""
    files = sorted(path for path in tree.rglob("*") if path.is_file() and not path.is_symlink())
    size = sum(path.stat().st_size for path in files) // 1024
    text = (HERE / "deb" / "control.in").read_text("utf-8")
    filled = {
        "VERSION": version, "ARCHITECTURE": run("dpkg", "--print-architecture").strip(), "SIZE": str(size),
        "LIBRARIES": ", ".join(libraries()),
    }  # fmt: skip
    for name, value in filled.items():
        text = text.replace(f"@{name}@", value)
    sums = "".join(f"{hashlib.md5(p.read_bytes()).hexdigest()}  {p.relative_to(tree)}\n" for p in files)
    write(tree / "DEBIAN" / "control", text)
    write(tree / "DEBIAN" / "md5sums", sums)
    for script in ("postinst", "prerm"):
        write(tree / "DEBIAN" / script, (HERE / "deb" / script).read_bytes(), 0o755)


def validate(work: Path, package: Path) -> None:
    """Ask the desktop's and Debian's own tools; an error ends the build."""
    share = work / "tree" / "usr" / "share"
    checks: Sequence[tuple[str, ...]] = (
        ("desktop-file-validate", str(share / "applications" / f"{ID}.desktop")),
        ("appstreamcli", "validate", "--no-net", str(share / "metainfo" / f"{ID}.metainfo.xml")),
        ("lintian", "--allow-root", "--fail-on", "error", "--tag-display-limit", "0", str(package)),
    )
    for command in checks:
        if shutil.which(command[0]) is None:
            print(f"  {command[0]}: NOT RUN, it is not installed")
            continue
        with timed(command[0]):
            said = run(*command).strip()
            print("\n".join(f"    {line}" for line in said.splitlines()[-40:]))


def main() -> int:
    """Entry point."""
    parser = argparse.ArgumentParser(description="Build the wheel and the .deb.")
    parser.add_argument("--work", type=Path, default=ROOT / "build" / "package")
    parser.add_argument("--out", type=Path, default=ROOT / "dist")
    parser.add_argument("--only", choices=("wheel",), help="stop after the wheel")
    options = parser.parse_args()
    work, out = options.work.absolute(), options.out.absolute()
    for folder in (work, out):
        folder.mkdir(parents=True, exist_ok=True)
    with timed("build environment"):
        python = environment(work)
    with timed("wheel"):
        built = wheel(python, out)
    print(f"  {built.name}: {built.stat().st_size / 1e6:.1f} MB")
    if options.only == "wheel":
        return 0
    with timed("frozen folder"):
        folder = frozen(python, work, built)
    with timed(".deb"):
        package = deb(python, work, folder, built, out)
    unpacked = sum(path.lstat().st_size for path in folder.rglob("*") if path.is_file()) / 1e6
    print(f"  {package.name}: {package.stat().st_size / 1e6:.1f} MB, frozen folder {unpacked:.0f} MB")
    validate(work, package)
    return 0


if __name__ == "__main__":
    sys.exit(main())
