#!/bin/bash
# Measures how long a user waits in the portrait dialog for $OUT/start.xcf; gimp.py starts it in a sandbox with a screen.
#   inside_gimp_dialog.sh GIMP-PROGRAM
# Writes milliseconds to $OUT/dialog.txt; the plug-in logs the times of drafts and previews.
set -u
# shellcheck source=tests/plugin/gimp/inside/gui.sh
. /tests/gui.sh
full='Preview by portrait'
draft='Draft by'
tell() { echo "$1: $(($(now) - began)) ms" >>"$OUT/dialog.txt"; }
open_and_wait() {    # open_and_wait WORDS
    mark "$full"
    began=$(now)
    open_dialog 'Portrait blur' p
    tell "$1, menu to dialog (with 2 s of this script's pauses)"
    wait_new "$full"
    tell "$1, menu to preview (likewise)"
}

start_gimp "$1"
open_and_wait 'no worker yet'
press Escape
closed 10
open_and_wait 'warm worker'
for at in '300 150' '420 300' '200 350' '350 200'; do    # focus points
    mark "$full"
    # shellcheck disable=SC2086  # two words
    click $at
    wait_new "$full"
done
press alt+u    # focus the slider of the blur amount
for pause in .2 .5 1 2 3 5; do    # background work after an exact preview must not delay a draft
    mark "$full"
    xdotool key Left
    wait_new "$full"
    sleep $pause
done
scrot -o "$OUT/dialog.png"
press Return
sleep 1.5
began=$(now)
xdotool key Escape
closed 10
tell 'cancel to closed dialog'
