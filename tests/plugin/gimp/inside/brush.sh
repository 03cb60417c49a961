#!/bin/bash
# Inside the sandbox with a screen: test the focus brush in portrait blur's dialog, on $OUT/start.xcf.
#   brush.sh GIMP-PROGRAM
set -u
# shellcheck source=tests/plugin/gimp/inside/gui.sh
. "${0%/*}/gui.sh"
full='Preview by portrait'
stroke() {    # stroke X Y HEIGHT: draw downwards until the button is released.
    eval "$(xdotool getwindowgeometry --shell "$(dialog)")"
    xdotool mousemove $((X + $1)) $((Y + $2)) mousedown 1
    for step in 1 2 3 4 5 6; do
        sleep 0.1
        xdotool mousemove $((X + $1)) $((Y + $2 + $3 * step / 6))
    done
    sleep 0.3
}

start_gimp "$1"
mark "$full"
open_dialog 'Portrait blur' p
wait_new "$full"
scrot -o "$OUT/brush_before.png"

# A painted stroke is visible at once and the preview follows, as do the tiles of the three presets. Ctrl+Z removes
# the stroke.
choose 176 51    # Keep sharp
scrot -o "$OUT/brush_chosen.png"
mark "$full"
stroke 69 230 200    # The flag
scrot -o "$OUT/brush_painting.png"
drafts() { grep -c 'as a draft' "${log%/*}/worker.log"; }
before=$(drafts)
xdotool mouseup 1
wait_new "$full"
for _ in $(seq 600); do [[ $(drafts) -ge $((before + 4)) ]] && break; sleep 0.1; done
[[ $(drafts) -ge $((before + 4)) ]] || stop "$(($(drafts) - before)) drafts after a stroke: the tiles do not follow"
scrot -o "$OUT/brush_kept.png"
mark "$full"
xdotool key ctrl+z
wait_new "$full"
scrot -o "$OUT/brush_undone.png"

# Paint again, and OK: one step contains the stroke.
mark "$full"
stroke 69 230 200
xdotool mouseup 1
wait_new "$full"
mark 'dioptre-portrait: '
press alt+o
wait_new 'dioptre-portrait: '
wait_title 20 '[*]start*6 layers)*'
save_as painted

# Edit restores the stroke; a second one lets a part of the subject blur.
mark "$full"
open_dialog 'Portrait blur' e
wait_new "$full"
press alt+f    # The Focus view shows all strokes.
sleep 0.5
scrot -o "$OUT/brush_edit.png"
choose 256 51    # Allow blur
mark "$full"
stroke 250 300 60
xdotool mouseup 1
wait_new "$full"
scrot -o "$OUT/brush_let.png"
mark 'dioptre-edit: '
press alt+o
wait_new 'dioptre-edit: '
save_as edited
quit_gimp
