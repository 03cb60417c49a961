#!/bin/bash
# Inside the sandbox with a laptop's small screen: what is clicked stays, and what is made has a name, on $OUT/start.xcf.
#   clicks.sh GIMP-PROGRAM
set -u
# shellcheck source=tests/plugin/gimp/inside/gui.sh
. "${0%/*}/gui.sh"
full='Preview by portrait'
drag() {    # drag X Y TO: drag from a place in the dialog to another X
    eval "$(xdotool getwindowgeometry --shell "$(dialog)")"
    xdotool mousemove $((X + $1)) $((Y + $2)) mousedown 1
    for at in $(seq "$1" -20 "$3"); do xdotool mousemove $((X + at)) $((Y + $2)) sleep 0.05; done
    xdotool mouseup 1
}

start_gimp "$1"
mark "$full"
open_dialog 'Portrait blur' p
wait_new "$full"

# The rocket is clicked before the draft of a slider arrives: the only draft is that of the click.
mark "$full"
drafts=$(logged 'Draft by' | head -n 1)
pkill -STOP -f 'dioptre[.]worker'
press alt+u
xdotool key Left
sleep 0.5
click 437 176
sleep 0.5
pkill -CONT -f 'dioptre[.]worker'
wait_new "$full"
scrot -o "$OUT/rocket.png"
[[ $(logged 'Draft by' | head -n 1) == $((drafts + 1)) ]] || stop 'a draft of the former subject was shown'

# The clicked face stays the subject while the range is dragged off it, blurred, and a line says so.
mark "$full"
click 268 178
wait_new "$full"
sleep 1
mark "$full"
drag 944 317 600
wait_new "$full"
sleep 3    # The last preview
scrot -o "$OUT/dragged.png"
mark 'dioptre-portrait: '
press alt+o
wait_new 'dioptre-portrait: '
wait_title 20 '[*]start*6 layers)*'
save_as dragged
grep -aqE '"focus": ?\[[0-9]' "$OUT/dragged.xcf" || stop 'the drag drops the clicked subject'
grep -aqE '"keep_subject": ?0' "$OUT/dragged.xcf" || stop 'the subject off the range stays sharp'
xdotool windowactivate --sync "$window" key ctrl+z
wait_title 10 '[*]start*1 layer)*'

# A photo without depth is exported after a question, with a hidden depth layer that is one step to undo.
offered() {
    xdotool windowactivate --sync "$window"
    xdotool key --delay 150 alt+r
    sleep 0.7
    xdotool key --delay 150 Up Right x
    for _ in $(seq 100); do window_named Dioptre && break; sleep 0.1; done
    sleep 0.5
    scrot -o "$OUT/offered.png"
    window_named Dioptre || stop 'nothing offers to estimate the depth'
}
offered
xdotool key Escape
sleep 2
wait_title 5 '[*]start*1 layer)*'
offered
xdotool key Return
for _ in $(seq 600); do window_named 'Export with depth' && break; sleep 0.1; done
sleep 1
mark 'dioptre-export-depth: '
xdotool key Return
wait_new 'dioptre-export-depth: '
[[ -s $OUT/start-depth.jpg ]] || stop 'no JPEG was exported'
wait_title 20 '[*]start*2 layers)*'
sleep 6    # The status bar tells of it.
scrot -o "$OUT/exported.png"
xdotool windowactivate --sync "$window" key ctrl+z
wait_title 10 '[*]start*1 layer)*'

# A film is an image with the photo's name.
mark 'Preview by film'
open_dialog 'Film' f
wait_new 'Preview by film'
for entry in '66 .5' '106 5'; do    # Seconds, and frames per second
    choose 969 "${entry% *}"
    xdotool key ctrl+a
    xdotool type --delay 100 "${entry#* }"
    xdotool key Tab
done
scrot -o "$OUT/film.png"
mark 'dioptre-film: '
press alt+o
wait_new 'dioptre-film: '
wait_title 20 '[*]start-film.xcf*2 layers)*'
scrot -o "$OUT/filmed.png"
clean
