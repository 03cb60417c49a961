#!/bin/sh
# Install Dioptre on Linux or a Mac, and run its commands: finds a Python, or lets uv bring one into Dioptre's data
# folder, if this is a release, which carries uv; install.py does the rest.
here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd) || exit 1

suits() { "$1" -I -c 'import sys; sys.exit(sys.version_info < (3, 10))' 2>/dev/null; }

if [ "$(uname)" = Darwin ]; then # Without developer tools, /usr/bin/python3 asks whether to install them.
    xattr -dr com.apple.quarantine "$here" 2>/dev/null # Otherwise macOS blocks uv after install.command was allowed.
    data="$HOME/Library/Application Support/Dioptre"
    frameworks=/Library/Frameworks/Python.framework/Versions
    for version in 3.14 3.13 3.12 3.11; do
        for folder in "$frameworks/$version/bin" /opt/homebrew/bin /usr/local/bin; do
            if suits "$folder/python$version"; then exec "$folder/python$version" "$here/install.py" "$@"; fi
        done
    done
else
    data="${XDG_DATA_HOME:-$HOME/.local/share}/dioptre"
    for python in "${DIOPTRE_PYTHON:-python3}" python3.14 python3.13 python3.12 python3.11 python3.10; do
        if suits "$python"; then exec "$python" "$here/install.py" "$@"; fi
    done
fi

if "$here/uv/uv" --version >/dev/null 2>&1; then
    if [ -n "${DIOPTRE_HOME:-}" ]; then data=$DIOPTRE_HOME/data; fi
    export UV_PYTHON_INSTALL_DIR="${DIOPTRE_DATA_DIR:-$data}/python" DIOPTRE_LAUNCHER="$here/install.sh"
    if [ -d "$here/uv/python" ]; then export UV_PYTHON_CACHE_DIR="$here/uv/python"; fi # a bundle's download
    exec "$here/uv/uv" run --no-project --no-config --no-cache --managed-python \
        --python "$(cat "$here/uv/version")" "$here/install.py" "$@"
fi
echo "Error: No Python 3.11 to 3.14 was found." >&2
if [ "$(uname)" = Darwin ]; then
    echo "Hint: Download Dioptre's release for macOS, which needs no Python, or install Python 3.13 from" \
        "https://www.python.org/downloads/macos/" >&2
else
    echo "Hint: Download Dioptre's release for Linux, which needs no Python, or on Debian and Ubuntu:" \
        "sudo apt install python3 python3-venv" >&2
fi
exit 1
