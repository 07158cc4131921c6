"""What the frozen binary runs: the command line, or one of the modules it carries as ``-I -m MODULE ARGUMENTS…``."""

import os
import runpy
import sys

CARRIES = ("app", "core.engine", "core.runtime")


def module_asked() -> str:
    """The module that ``-m`` names, taken off ``sys.argv`` as an interpreter does; empty for the command line."""
    rest = sys.argv[1:]
    while rest and rest[0] == "-I":  # the frozen binary obeys no PYTHON variable and no working folder anyway
        rest.pop(0)
    if len(rest) < 2 or rest[0] != "-m":
        return ""
    module = rest[1]
    sys.argv[1:] = rest[2:]
    return module


def own_environment() -> None:
    """Give children the library path of before: the loader's own would make the system's programs load our files."""
    for name in ("LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH"):
        before = os.environ.pop(f"{name}_ORIG", None)
        os.environ.pop(name, None)
        if before:
            os.environ[name] = before
    for name in [name for name in os.environ if name.startswith("_PYI_")]:
        del os.environ[name]


def main() -> int:
    """Run what was asked for; exit status 2 for a module that is not ours to run."""
    own_environment()
    module = module_asked()
    if module in ("", "app"):
        from app.cli import main as command_line

        return command_line()
    if not any(module == room or module.startswith(f"{room}.") for room in CARRIES):
        sys.stderr.write(f"This program does not run {module}.\n")
        return 2
    runpy.run_module(module, run_name="__main__", alter_sys=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
