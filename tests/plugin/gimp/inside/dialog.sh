#!/bin/bash
# Inside the sandbox with a screen: portrait blur as a person would use it, on $OUT/start.xcf.
#   dialog.sh GIMP-PROGRAM
set -u
# shellcheck source=tests/plugin/gimp/inside/gui.sh
. "${0%/*}/gui.sh"
full='Preview by portrait'

start_gimp "$1"

# The first preview; then Cancel: nothing happens.
mark "$full"
open_dialog 'Portrait blur' p
scrot -o "$OUT/opened.png"
wait_new "$full"
scrot -o "$OUT/preview.png"
press Escape
closed 10
wait_title 5 'start*1 layer)*'

# Again: click for the focus, look at depth and focus range.
mark "$full"
open_dialog 'Portrait blur' p
wait_new "$full"
mark "$full"
click 300 250
wait_new "$full"
scrot -o "$OUT/clicked.png"
mark "$full"
drag_until_new 'Draft by' 700 224 240    # the f-number: it is shown while it moves
wait_new "$full"
press alt+d
sleep 0.5
scrot -o "$OUT/depth.png"
xdotool key alt+f
sleep 0.5
scrot -o "$OUT/focus.png"
xdotool key alt+b
sleep 0.5
scrot -o "$OUT/before.png"
xdotool key alt+a

# OK and Cancel while it works: gone within a second, and nothing has changed.
press Return
sleep 0.5
scrot -o "$OUT/working.png"
began=$(now)
xdotool key Escape
closed 10
echo $(($(now) - began)) >"$OUT/cancel_ms"
wait_title 5 'start*1 layer)*'

# OK: a group of layers, in one step that undo takes back whole.
mark "$full"
open_dialog 'Portrait blur' p
wait_new "$full"
mark 'dioptre-portrait: '
press Return
wait_new 'dioptre-portrait: '
wait_title 20 '[*]start*6 layers)*'
sleep 1
scrot -o "$OUT/done.png"
xdotool windowactivate --sync "$window" key ctrl+s
wait_title 20 'start*6 layers)*'
cp "$OUT/start.xcf" "$OUT/done.xcf"
xdotool key ctrl+z
wait_title 10 '[*]start*1 layer)*'
xdotool key ctrl+s
wait_title 20 'start*1 layer)*'
cp "$OUT/start.xcf" "$OUT/undone.xcf"
xdotool key ctrl+y
wait_title 10 '[*]start*6 layers)*'
xdotool key ctrl+s
wait_title 20 'start*6 layers)*'
quit_gimp
