#!/usr/bin/env bash
# Starts the bot, and first makes the environment that it runs in.
#
#   ./start.sh [arguments]           install what is missing, then: python bot.py [arguments]
#   ./start.sh test                  install the tests' packages too, then run all tests, in eight processes
#   ./start.sh test [arguments]      the same: pytest [arguments]
#   ./start.sh check                 formatting, lint, types, floors
#   ./start.sh install               only install
#   ./start.sh install-dev           only install, the tests' packages too
#
# PYTHON names the interpreter to use, NIJA_VENV a folder other than .venv.
set -euo pipefail

# Messages go to stderr: stdout belongs to what is started (./start.sh status --json | jq).
say() { printf '%s\n' "$*" >&2; }
die() { say "start.sh: $*"; exit 1; }

here=$(readlink -f -- "${BASH_SOURCE[0]}" 2>/dev/null) || here=${BASH_SOURCE[0]}
cd -- "$(dirname -- "$here")"

venv=${NIJA_VENV:-.venv}
python=$venv/bin/python

digest() {
    if command -v sha256sum >/dev/null; then sha256sum <"$1"; else shasum -a 256 <"$1"; fi
}

is_new_enough() {
    "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1
}

find_python() {
    if [ -n "${PYTHON:-}" ]; then
        is_new_enough "$PYTHON" ||
            die "PYTHON=$PYTHON is not Python 3.11 or newer; unset PYTHON or point it to one that is"
        echo "$PYTHON"
        return
    fi
    local candidate
    for candidate in python3.13 python3.12 python3.11 python3 python; do
        if is_new_enough "$candidate"; then
            echo "$candidate"
            return
        fi
    done
    die "no Python 3.11 or newer found; install it (Debian, Ubuntu: apt install python3 python3-venv) or set PYTHON"
}

is_venv_usable() {
    is_new_enough "$python" && "$python" -m pip --version >/dev/null 2>&1
}

make_venv() {
    if [ -d "$venv" ] && [ ! -e "$venv/pyvenv.cfg" ] && [ -n "$(ls -A -- "$venv")" ]; then
        die "$venv is not empty and not a Python environment; choose another folder with NIJA_VENV"
    fi
    local base
    base=$(find_python) || exit 1
    "$base" -c 'import venv, ensurepip' >/dev/null 2>&1 ||
        die "$base cannot make environments; install its venv package (Debian, Ubuntu: apt install python3-venv)"
    say "Making the Python environment $venv with $base ..."
    "$base" -m venv --clear -- "$venv" >&2 || die "could not make $venv; the lines above tell why"
}

pip_install() {
    # On a terminal pip shows its progress; elsewhere only what goes wrong.
    local quiet=-qq
    if [ -t 2 ]; then quiet=--progress-bar=on; fi
    "$python" -m pip install "$quiet" --disable-pip-version-check --no-input --require-hashes \
        --only-binary :all: --no-binary krakenex,pykrakenapi --no-build-isolation "$@" >&2 9>&-
}

# The two packages that come as source are built with a pinned tool: pip would else fetch the newest one of the day.
install_build_tool() {
    local pinned=$venv/.build-tool.txt
    awk '/^[a-z]/ { wanted = /^setuptools==/ } wanted' requirements.txt >"$pinned"
    pip_install -r "$pinned"
}

stamp_of() { echo "$venv/.installed-$(basename -- "$1" .txt)"; }

# The interpreter's version is part of it: a system upgrade takes the packages away from under the environment.
seal() { "$python" --version && digest "$1"; }

is_installed() {
    local lock stamp
    [ -x "$python" ] || return 1
    for lock in "$@"; do
        stamp=$(stamp_of "$lock")
        [ -f "$stamp" ] && [ "$(cat -- "$stamp")" = "$(seal "$lock")" ] || return 1
    done
}

# install LOCK_FILE...: all of them in one go, so that pip refuses files that disagree.
install() {
    local lock arguments=()
    if is_installed "$@"; then return; fi
    # Only one may install; the others wait here and then find it done.
    mkdir -p -- "$(dirname -- "$venv")"
    exec 9>"${venv%/}.lock"
    if command -v flock >/dev/null; then
        flock --nonblock 9 || { say "Another start.sh is installing; waiting for it ..."; flock 9; }
    fi
    if ! is_installed "$@"; then
        is_venv_usable || make_venv
        # Gone before the first change: what fails half-way must not look installed.
        rm -f -- "$venv"/.installed-*
        say "Installing the packages of $* into $venv (a minute or two the first time) ..."
        for lock in "$@"; do arguments+=(-r "$lock"); done
        install_build_tool && pip_install "${arguments[@]}" ||
            die "installing failed; the lines above tell why. Nothing was started; run it again when that is mended"
        for lock in "$@"; do seal "$lock" >"$(stamp_of "$lock")"; done
        say "Installed."
    fi
    exec 9>&-
}

install_runtime() { install requirements.txt; }
install_dev() { install requirements.txt requirements-dev.txt; }

case ${1:-} in
    test)
        install_dev
        shift
        # Tests start the program hundreds of times; without bytecode files a third of each start is compiling.
        unset PYTHONDONTWRITEBYTECODE
        # Most tests wait for a venue: eight processes keep two cores busy; tests/conftest.py says what they share.
        if [ $# -eq 0 ]; then set -- -n 8 --dist loadscope; fi
        exec "$python" -m pytest "$@"
        ;;
    check)
        install_dev
        command -v make >/dev/null || die "make is missing (Debian, Ubuntu: apt install make)"
        PATH=$(cd -- "$venv" && pwd)/bin:$PATH exec make check
        ;;
    install)
        install_runtime
        ;;
    install-dev)
        install_dev
        ;;
    *)
        install_runtime
        exec "$python" bot.py "$@"
        ;;
esac
