#!/bin/sh
# Double-click to install Dioptre on a Mac.
exec /bin/sh "$(dirname "$0")/install.sh" "$@"
