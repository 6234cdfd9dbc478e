"""Installs what peers need, by Debian's and npm's own clients.

Whatever cannot be installed is told as the reason, and the rest goes on.
"""

import os
import pathlib
import shutil
import subprocess

HERE = pathlib.Path(__file__).resolve().parent


def cache_folder():
    base = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    return pathlib.Path(base) / "remuda-bench-peers"


def installed(package):
    said = subprocess.run(
        ["dpkg-query", "-W", "-f", "${db:Status-Status}", package],
        capture_output=True, text=True, check=False)
    return said.stdout == "installed"


def last_words(done):
    lines = (done.stdout + done.stderr).strip().splitlines()
    return lines[-1] if lines else f"exit code {done.returncode}"


def install_debian(packages, say=print):
    """{package: reason} of those that are still not there."""
    absent = [one for one in packages if not installed(one)]
    if not absent:
        return {}
    if not shutil.which("apt-get"):
        return {one: "this is not a Debian machine" for one in absent}
    say("installing from Debian: " + " ".join(absent))
    apt = [*([] if os.geteuid() == 0 else ["sudo", "-n"]), "env",
           "DEBIAN_FRONTEND=noninteractive", "RUNLEVEL=1", "apt-get", "-o",
           "DPkg::Lock::Timeout=300"]
    subprocess.run([*apt, "update"], capture_output=True, check=False)
    reasons = {}
    for package in absent:  # one by one, so that one refusal is one package's
        done = subprocess.run([*apt, "install", "-y", "--no-install-recommends",
                               package], capture_output=True, text=True,
                              stdin=subprocess.DEVNULL, check=False)
        if not installed(package):
            reasons[package] = f"{package}: {last_words(done)}"
    return reasons


def npm_is_installed():
    """Whether the cache holds what the lock file names."""
    have = cache_folder() / "package-lock.json"
    return ((cache_folder() / "installed").exists() and have.exists() and
            have.read_text() == (HERE / "package-lock.json").read_text())


def reason_without_npm():
    return None if npm_is_installed() else "its npm packages are not installed"


def install_npm(say=print):
    """The reason why the modules of package-lock.json are not there."""
    folder = cache_folder()
    if not shutil.which("npm"):
        return "there is no npm"
    if npm_is_installed():
        return None
    done_file = folder / "installed"
    say("installing from npm into " + str(folder))
    folder.mkdir(parents=True, exist_ok=True)
    done_file.unlink(missing_ok=True)
    for name in ("package.json", "package-lock.json"):
        shutil.copy(HERE / name, folder / name)
    done = subprocess.run(["npm", "ci", "--ignore-scripts", "--no-audit",
                           "--no-fund"], cwd=folder, capture_output=True,
                          text=True, stdin=subprocess.DEVNULL, check=False)
    if done.returncode:
        return f"npm: {last_words(done)}"
    done_file.touch()
    return None


def missing(peer, debian, npm):
    """Why a peer cannot run, from what was not installed; None if it can."""
    for package in peer.packages:
        if package in debian:
            return debian[package]
    if peer.npm and npm:
        return npm
    for program in peer.programs:
        if not shutil.which(program) and not os.path.exists(program):
            return f"there is no {program}"
    return None
