#!/bin/bash
# Takes a screenshot of the menu, of each dialog and of a result; screenshots.py starts it in a sandbox with a screen.
#   screenshots.sh GIMP-PROGRAM
# Reads $OUT/start.xcf and writes PNG files of the whole screen to $OUT. $OUT/places has the rectangle of each dialog.
set -u
# shellcheck source=tests/plugin/gimp/tests/gui.sh
. /tests/gui.sh
full='Preview by portrait'
width=0 height=0

fill_screen() {    # leaves room for the title bar
    read -r width height < <(xdotool getdisplaygeometry)
    xdotool windowmove "$window" 0 0 windowsize --sync "$window" "$width" $((height - 24))
    sleep 1
}
shot() {    # shot FILE: also records the place of the dialog
    scrot -o "$OUT/$1.png"
    eval "$(xdotool getwindowgeometry --shell "$(dialog)")"
    echo "$1 $X $Y $WIDTH $HEIGHT" >>"$OUT/places"
}
away() { xdotool mousemove 400 4; sleep 0.7; }    # Hides tooltips and the crosshair.
visit() {    # visit FILE TITLE KEY PATTERN: open a dialog, wait for its preview, show all of its options, and leave it
    mark "$4"
    open_dialog "$2" "$3"
    wait_new "$4"
    away
    shot "$1"
    press alt+m
    sleep 1
    shot "${1}_more"
    press Escape
    closed 10
}

: >"$OUT/places"
start_gimp "$1"
fill_screen

visit lens_blur 'Lens blur' l 'Preview by lens_blur'
visit white_balance 'White balance' w 'Preview by white_balance'
visit super_resolution 'Super-resolution' s 'Preview by super_resolution'
visit depth 'Depth map' d 'Preview by depth'
visit select_subject 'Select subject' t 'Preview by select_subject'
visit select_depth 'Select by depth' b 'Preview by select_depth'
visit recipe 'Recipe' c 'Preview by'

mark "$full"
open_dialog 'Portrait blur' p
away
shot opened
wait_new "$full"
shot automatic
mark "$full"
click 242 190    # The astronaut's face
wait_new "$full"
sleep 8    # The tiles show the photo by then.
away
shot clicked
press alt+f
sleep 1
shot focus
press alt+p
sleep 1
shot split
press alt+m
sleep 1
shot more
mark 'dioptre-portrait: '
press alt+o
sleep 0.4
shot working
wait_new 'dioptre-portrait: '
sleep 2
scrot -o "$OUT/layers.png"

run_entry h 'dioptre-edit-depth: '
sleep 1
scrot -o "$OUT/edit_depth.png"
mark 'dioptre-update: '
xdotool windowactivate --sync "$window"
xdotool key --delay 150 alt+r
sleep 0.7
xdotool key --delay 150 Up Right u
for number in $(seq 10 40); do
    sleep 0.15
    scrot -o "$OUT/update_$number.png"
    [[ $(logged 'dioptre-update: ' | head -n 1) -gt $marked ]] && break
done
wait_new 'dioptre-update: '
sleep 2
quit_gimp discard
