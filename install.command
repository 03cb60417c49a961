#!/bin/sh
# Double-click to install Dioptre on a Mac: finds a Python, install.py does the rest.
cd "$(dirname "$0")" || exit 1
frameworks=/Library/Frameworks/Python.framework/Versions
for version in 3.14 3.13 3.12 3.11; do
    for folder in "$frameworks/$version/bin" /opt/homebrew/bin /usr/local/bin; do
        if [ -x "$folder/python$version" ]; then
            exec "$folder/python$version" install.py "$@"
        fi
    done
done
echo "Error: No Python 3.11 to 3.14 was found."
echo "Hint: Install Python 3.13 for macOS: https://www.python.org/downloads/macos/"
echo "      Then start install.command again."
exit 1
