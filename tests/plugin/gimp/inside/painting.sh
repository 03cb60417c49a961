#!/bin/bash
# Inside the sandbox with a screen: paint on a depth layer like a person, on $OUT/start.xcf.
#   painting.sh GIMP-PROGRAM
set -u
# shellcheck source=tests/plugin/gimp/inside/gui.sh
. "${0%/*}/gui.sh"
draw() {    # draw Y: begin a stroke over the canvas
    xdotool windowactivate --sync "$window" mousemove 420 "$1" mousedown 1
    for x in $(seq 425 5 620); do xdotool mousemove "$x" "$1" sleep 0.01; done
}
stroke() {    # stroke Y: draw a stroke, which must update the result once
    mark 'Updated: '
    draw "$1"
    sleep 1.5    # A pause with the button down ends no stroke.
    [[ $(logged 'Updated: ' | head -n 1) == "$marked" ]] || stop 'the result changes during the stroke'
    scrot -o "$OUT/stroke.png"
    xdotool mouseup 1
    wait_new 'Updated: '
    sleep 1.5
    [[ $(logged 'Updated: ' | head -n 1) == $((marked + 1)) ]] || stop 'one stroke updates more than once'
}

start_gimp "$1"
mark 'Preview by portrait'
open_dialog 'Portrait blur' p
wait_new 'Preview by portrait'
mark 'dioptre-portrait: '
press alt+o
wait_new 'dioptre-portrait: '
wait_title 20 '[*]start*6 layers)*'
save_as before

edit_depth() {    # The small window opens beside the picture, which ends left of x = 640.
    run_entry h 'Painting on'
    name='Edit depth'
    for _ in $(seq 50); do [[ -n $(dialog) ]] && break; sleep 0.1; done
    sleep 0.5
    eval "$(xdotool getwindowgeometry --shell "$(dialog)")"
    [[ $X -gt 640 ]] || stop "the window is over the picture: $X"
}

# The canvas keeps the keys: P chooses the brush.
edit_depth
press alt+s
xdotool windowactivate --sync "$window" key p key x
sleep 1
scrot -o "$OUT/window.png"
stroke 300
scrot -o "$OUT/first.png"
save_as first
stroke 400
scrot -o "$OUT/second.png"
save_as second

# Undo takes back the update, then the stroke, and no update follows; redo brings both back.
xdotool windowactivate --sync "$window" key ctrl+z
sleep 1
save_as undone
xdotool windowactivate --sync "$window" key ctrl+z
sleep 2
xdotool key --delay 300 ctrl+y ctrl+y
sleep 2
[[ $(logged 'Updated: ' | head -n 1) == $((marked + 1)) ]] || stop 'an undo or redo updates the result'
save_as redone

# A stroke that is taken back while its update runs ends the update. Redo brings it back with its update.
pkill -STOP -f 'dioptre[.]worker'
mark 'Updated: '
draw 520
xdotool mouseup 1
sleep 2
xdotool key ctrl+z
sleep 1
scrot -o "$OUT/taken_back.png"
pkill -CONT -f 'dioptre[.]worker'
sleep 4
[[ $(logged 'Updated: ' | head -n 1) == "$marked" ]] || stop 'a stroke that was taken back updates the result'
save_as taken_back
xdotool windowactivate --sync "$window" key ctrl+y
wait_new 'Updated: '
sleep 1
xdotool key --delay 500 ctrl+z ctrl+z
sleep 1

# The button ends it.
press alt+u
closed 60
sleep 1
save_as ended
scrot -o "$OUT/ended.png"

# Strokes snap to the edges of the photo before the result follows; two undos show the stroke as it was painted.
edit_depth
press alt+e
sleep 0.5
scrot -o "$OUT/snapping.png"
mark 'Snapped strokes'
snaps=$marked
stroke 520
[[ $(logged 'Snapped strokes' | head -n 1) == $((snaps + 1)) ]] || stop 'the stroke does not snap once'
save_as snapped
xdotool windowactivate --sync "$window" key --delay 500 ctrl+z ctrl+z
sleep 3
[[ $(logged 'Snapped strokes' | head -n 1) == $((snaps + 1)) ]] || stop 'an undone stroke snaps again'
save_as unsnapped

# Closing the window is Update, too; without a stroke it only ends.
mark 'Updated: '
press Escape
wait_new 'Updated: '
closed 10
sleep 1
save_as closed
edit_depth
mark 'Updated: '
press alt+F4
closed 10
sleep 1
[[ $(logged 'Updated: ' | head -n 1) == "$marked" ]] || stop 'closing the window updates what nobody has changed'
save_as unchanged

# Update while a stroke is taken back: nothing changes but the stroke, and Update works again.
edit_depth
press alt+s
press alt+e
for y in 300 480; do draw "$y"; xdotool mouseup 1; sleep 1; done
updates=$(logged 'Updated: ' | head -n 1)
mark 'Read '
press alt+u
until [[ $(logged 'Read ' | head -n 1) -gt $marked ]]; do sleep 0.05; done
pkill -STOP -f 'dioptre[.]worker'
mark 'Made '
xdotool windowactivate --sync "$window" key ctrl+z
sleep 1
pkill -CONT -f 'dioptre[.]worker'
wait_new 'Made '
sleep 2
scrot -o "$OUT/refused.png"
[[ $(logged 'Updated: ' | head -n 1) == "$updates" && -n $(dialog) ]] || stop 'an update goes on after an undo'
save_as refused
mark 'Updated: '
press alt+u
wait_new 'Updated: '
closed 10
quit_gimp discard
