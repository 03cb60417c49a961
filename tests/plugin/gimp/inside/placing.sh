#!/bin/bash
# Inside the sandbox with a screen: place a layer in the photo below it like a person, on $OUT/start.xcf.
#   placing.sh GIMP-PROGRAM
set -u
# shellcheck source=tests/plugin/gimp/inside/gui.sh
. "${0%/*}/gui.sh"
full='Preview by place'

start_gimp "$1" '*2 layers)*'

# The preview shows the layer behind the subject; a click chooses another depth.
mark "$full"
open_dialog 'Place at depth' t
wait_new "$full"
scrot -o "$OUT/placing.png"
mark "$full"
click 80 300
wait_new "$full"
scrot -o "$OUT/placing_clicked.png"

# OK: a group above the hidden layer in a single step, which undo removes entirely.
mark 'dioptre-place: '
press alt+o
wait_new 'dioptre-place: '
wait_title 20 '[*]start*5 layers)*'
sleep 1
scrot -o "$OUT/placed.png"
save_as done
xdotool key ctrl+z
wait_title 10 '[*]start*2 layers)*'
xdotool key ctrl+s
wait_title 20 'start*2 layers)*'
cp "$OUT/start.xcf" "$OUT/undone.xcf"
xdotool key ctrl+y
wait_title 10 '[*]start*5 layers)*'

# Edit: in front of the subject, shown on the canvas, too.
mark "$full"
open_dialog 'Place at depth' e
wait_new "$full"
mark "$full"
press alt+y
xdotool key --delay 60 End
wait_new "$full"
scrot -o "$OUT/placing_edit.png"
mark 'dioptre-edit: '
press alt+o
wait_new 'dioptre-edit: '
save_as edited
quit_gimp
