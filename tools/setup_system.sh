#!/bin/sh
# What pip cannot bring: a fitting Python, the libraries that OpenCV links to, a browser for the tests.
# Missing libraries and the browser are installed where apt and root are there; else one sentence says what to do.
#
#   tools/setup_system.sh python            prints the interpreter to make .venv with
#   tools/setup_system.sh opencv PYTHON     libGL and libglib, so that PYTHON can import cv2
#   tools/setup_system.sh browser           prints the Chromium or Chrome to test in
set -eu

fail() {
    echo "$*" >&2
    exit 1
}

# Whether apt could install the packages named. Its output goes to stderr: stdout is for the answer.
apt_install() {
    [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null || return 1
    echo "Installing $* with apt-get ..." >&2
    export DEBIAN_FRONTEND=noninteractive
    { apt-get update -qq && apt-get install -y -qq --no-install-recommends "$@"; } </dev/null >&2
}

find_python() {
    # Run each: a name on PATH may be another version, a shim of none, or lack the venv module.
    for name in ${PYTHON:-python3.11 python3.12 python3 python}; do
        if "$name" -c 'import ensurepip, sys, venv; sys.exit(not (3, 11) <= sys.version_info < (3, 13))' 2>/dev/null
        then
            command -v "$name"
            return
        fi
    done
    fail "Expression Lens needs Python 3.11 or 3.12 with its venv module (Debian: apt-get install python3-venv);" \
        "if it is not on PATH, say where: make PYTHON=/path/to/python3.11"
}

opencv_loads() {
    "$1" -c 'import cv2' 2>/dev/null
}

ensure_opencv() {
    opencv_loads "$1" && return
    apt_install libgl1 libglib2.0-0 || true
    opencv_loads "$1" && return
    "$1" -c 'import cv2' 2>&1 | tail -n 1 >&2 || true
    fail "OpenCV does not load: install libGL and libglib" \
        "(Debian: apt-get install libgl1 libglib2.0-0; Fedora: dnf install mesa-libGL glib2) and run make again."
}

find_browser() {
    for name in ${CHROMIUM:-chromium chromium-browser google-chrome google-chrome-stable}; do
        # Run it: on some systems the name is a stub that only tells how to install.
        if "$name" --version >/dev/null 2>&1; then
            command -v "$name"
            return
        fi
    done
    return 1
}

ensure_browser() {
    find_browser && return
    apt_install chromium fonts-dejavu-core || true
    find_browser && return
    fail "The browser tests need Chromium or Chrome: install it (Debian: apt-get install chromium)," \
        "or say where it is: make test CHROMIUM=/path/to/chrome"
}

case "${1-}" in
    python) find_python ;;
    opencv) ensure_opencv "$2" ;;
    browser) ensure_browser ;;
    *) fail "usage: $0 python | opencv PYTHON | browser" ;;
esac
