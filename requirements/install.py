"""`python3 requirements/install.py run|test`: fill .venv with exactly what the lock files name.

Needs nothing but Python 3.11 or newer. Uses uv where it is on the PATH and works, else pip.
"""

import hashlib
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

BASE = Path(__file__).resolve().parent.parent
VENV = BASE / ".venv"
PYTHON = VENV / "bin" / "python"
OLDEST = (3, 11)
# What would send packages elsewhere than into .venv, whatever the user's shell is set up for.
FOREIGN = ("PYTHONHOME", "PYTHONPATH", "PIP_USER", "PIP_TARGET", "PIP_PREFIX", "UV_SYSTEM_PYTHON")


def main(purpose: str) -> None:
    """Install for a purpose, `run` or `test`, unless that is done already."""
    locked = BASE / "requirements" / f"{purpose}.txt"
    stamp = VENV / f"{purpose}.stamp"
    wanted = _fingerprint(locked)
    if PYTHON.exists() and stamp.exists() and stamp.read_text() == wanted:
        return
    started = time.monotonic()
    print("Installing into .venv; this takes a minute or so, once.", flush=True)
    _ensure_venv()
    _install("--require-hashes", "-r", str(locked))
    # The SDK comes from this checkout; what it needs is in the lock file.
    _install("--no-build-isolation", "--no-deps", "-e", str(BASE / "sdk"))
    stamp.write_text(wanted)
    print(f"Installed in {time.monotonic() - started:.0f} s.", flush=True)


def _fingerprint(locked: Path) -> str:
    files = [locked, BASE / "sdk" / "pyproject.toml", Path(__file__)]
    content = b"".join(file.read_bytes() for file in files)
    return hashlib.sha256(content + sys.version.encode()).hexdigest()


def _ensure_venv() -> None:
    if _works("-c", ""):
        return
    # Without pip first: where uv is, nobody needs it.
    _run(sys.executable, "-m", "venv", "--clear", "--without-pip", str(VENV))


def _install(*arguments: str) -> None:
    # Compiled now, as pip does, so that the first start is as fast as any other.
    uv = ("uv", "pip", "install", "--quiet", "--compile-bytecode", "--python", str(PYTHON))
    if shutil.which("uv"):
        if _succeeds(*uv, *arguments):
            return
        # It does not read pip's configuration, which may be the only way to the packages.
        print("uv could not install that; trying pip.", flush=True)
    if not _works("-c", "import pip") and not _works("-m", "ensurepip"):
        sys.exit("Python's venv module lacks pip: install the package python3-venv, or uv.")
    options = ("--quiet", "--no-input", "--disable-pip-version-check")
    _run(str(PYTHON), "-m", "pip", "install", *options, *arguments)


def _works(*arguments: str) -> bool:
    if not PYTHON.exists():
        return False
    done = subprocess.run(
        [PYTHON, *arguments], env=_environment(), capture_output=True, check=False
    )
    return done.returncode == 0


def _run(*command: str) -> None:
    if not _succeeds(*command):
        sys.exit(f"This failed: {' '.join(command)}")


def _succeeds(*command: str) -> bool:
    done = subprocess.run(command, env=_environment(), stdin=subprocess.DEVNULL, check=False)
    return done.returncode == 0


def _environment() -> dict[str, str]:
    inherited = {name: value for name, value in os.environ.items() if name not in FOREIGN}
    # uv trusts the certificates of this machine, as pip does. Newer versions know the second name.
    return {"UV_NATIVE_TLS": "1", "UV_SYSTEM_CERTS": "1"} | inherited


if __name__ == "__main__":
    if sys.version_info < OLDEST:
        sys.exit(
            f"Sayso needs Python 3.11 or newer; {sys.executable} is {sys.version.split()[0]}.\n"
            "Name another one:  make run PYTHON=python3.12"
        )
    main(sys.argv[1])
