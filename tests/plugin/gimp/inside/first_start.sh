#!/bin/bash
# Inside the sandbox with a screen: the plug-in from a zip, before and after its compute core is installed.
#   first_start.sh GIMP-PROGRAM
set -u
# shellcheck source=tests/plugin/gimp/inside/gui.sh
. "${0%/*}/gui.sh"
data=$DIOPTRE_HOME/data
install_log=$DIOPTRE_HOME/log/install.log
installers() { pgrep -f 'source/install.py' | wc -l; }

start_gimp "$1"
open_dialog 'Dioptre' p
scrot -o "$OUT/offered.png"

# Install starts, Cancel stops it.
press Return
for _ in $(seq 1200); do [[ -s $install_log ]] && break; sleep 0.1; done
[[ -s $install_log ]] || stop 'the installer was not started'
sleep 2
scrot -o "$OUT/installing.png"
press Escape
closed 60
for _ in $(seq 100); do [[ $(installers) -eq 0 ]] && break; sleep 0.1; done
[[ $(installers) -eq 0 ]] || stop 'the installer goes on after Cancel'

# There is no network here: the packages cannot be downloaded, and the dialog reports that.
open_dialog 'Dioptre' p
press Return
for _ in $(seq 1800); do [[ $(installers) -gt 0 ]] && break; sleep 0.1; done
for _ in $(seq 6000); do [[ $(installers) -eq 0 ]] && break; sleep 0.1; done
sleep 2
scrot -o "$OUT/failed-installation.png"
[[ -n $(dialog) ]] || stop 'the dialog has gone with the failure'
press Escape
closed 60

# After installing from a terminal, the operation's own dialog opens.
ln -s "$INSTALLED" "$data/environment"
full='Preview by portrait'
mark "$full"
open_dialog 'Portrait blur' p
wait_new "$full"
scrot -o "$OUT/ready.png"
press Escape
quit_gimp
