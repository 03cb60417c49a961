#!/bin/bash
# Inside the sandbox with a screen: use portrait blur like a person, on $OUT/start.xcf.
#   dialog.sh GIMP-PROGRAM
set -u
# shellcheck source=tests/plugin/gimp/inside/gui.sh
. "${0%/*}/gui.sh"
full='Preview by portrait'

start_gimp "$1"

# Without a result there is nothing to edit, which is no error.
run_entry e 'dioptre-edit was refused'
for _ in $(seq 50); do window_named Dioptre && break; sleep 0.1; done
scrot -o "$OUT/nothing.png"
window_named Dioptre || stop 'nothing says that there is no result'
! window_named 'GIMP Message' || stop 'GIMP shows an error'
xdotool key Return

# The first preview, then Cancel: nothing happens.
mark "$full"
open_dialog 'Portrait blur' p
scrot -o "$OUT/opened.png"
wait_new "$full"
scrot -o "$OUT/preview.png"
press Escape
closed 10
wait_title 5 'start*1 layer)*'

# Again: click for the focus, change the blur, make the focus automatic, open every view. The window keeps its size.
mark "$full"
open_dialog 'Portrait blur' p
place=$(geometry)
stays() { [[ $(geometry) == "$place" ]] || stop "the window was $place and is $(geometry)"; }
wait_new "$full"
stays
mark "$full"
click 300 250
wait_new "$full"
scrot -o "$OUT/clicked.png"
mark "$full"
press alt+u    # The blur amount, which is shown while it changes.
xdotool key --delay 60 Left Left Left
wait_new "$full"
[[ $(logged 'Draft by' | head -n 1) -gt 0 ]] || stop 'no draft was shown'
mark "$full"
press alt+i    # Make the focus automatic again.
wait_new "$full"
scrot -o "$OUT/automatic.png"
for view in e:depth f:focus p:split a:after; do
    press "alt+${view%:*}"
    sleep 0.5
    scrot -o "$OUT/${view#*:}.png"
done
xdotool key alt+m
sleep 0.5
scrot -o "$OUT/more.png"
stays

# OK, then Cancel during the run: within a second, the dialog is back with its settings, and nothing has changed.
press alt+o
sleep 0.5
scrot -o "$OUT/working.png"
stays
mark 'no result'
began=$(now)
xdotool key Escape
for _ in $(seq 500); do [[ $(logged 'no result' | head -n 1) -gt $marked ]] && break; sleep 0.02; done
echo $(($(now) - began)) >"$OUT/cancel_ms"
sleep 0.5
scrot -o "$OUT/cancelled.png"
stays
mark "$full"
xdotool key alt+u Left
wait_new "$full"    # The dialog still computes previews.
press Escape
closed 10
wait_title 5 'start*1 layer)*'

# OK: a group of layers in a single step, which undo removes entirely.
mark "$full"
open_dialog 'Portrait blur' p
wait_new "$full"
mark 'dioptre-portrait: '
press alt+o
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

# Edit: the dialog starts with the result's options and replaces the result, as one undo step.
mark "$full"
open_dialog 'Portrait blur' e
wait_new "$full"
scrot -o "$OUT/edit.png"
mark "$full"
press alt+u
xdotool key --delay 60 Right Right Right Right Right
wait_new "$full"
mark 'dioptre-edit: '
press alt+o
wait_new 'dioptre-edit: '
save_as edited
xdotool key ctrl+z
wait_title 10 '[*]start*6 layers)*'
xdotool key ctrl+s
wait_title 20 'start*6 layers)*'
cp "$OUT/start.xcf" "$OUT/unedited.xcf"

# Edit depth shows the depth over the photo, Update the result; undo and redo follow in one step each.
stepped() {    # stepped KEY NAME: undo or redo a step, and keep a copy of the document
    xdotool windowactivate --sync "$window" key "$1"
    wait_title 10 '[*]start*6 layers)*'
    sleep 0.5
    scrot -o "$OUT/$2.png"
    save_as "$2"
}
run_entry h 'Painting on'
sleep 1
scrot -o "$OUT/edit_depth.png"
save_as depth
stepped ctrl+z depth_undone
stepped ctrl+y depth_redone
run_entry u 'dioptre-update: '
scrot -o "$OUT/update.png"
save_as updated
stepped ctrl+z updated_undone
stepped ctrl+y updated_redone

# The same menu entry replaces the result again, unless the user wants another one.
mark "$full"
open_dialog 'Portrait blur' p
wait_new "$full"
mark 'dioptre-portrait: '
press alt+n
press alt+o
wait_new 'dioptre-portrait: '
wait_title 20 '[*]start*11 layers)*'
xdotool windowactivate --sync "$window" key ctrl+s
wait_title 20 'start*11 layers)*'

# The photo is closed under the dialog: one sentence, and OK does nothing.
mark "$full"
open_dialog 'Portrait blur' p
wait_new "$full"
mark 'no result: The document was closed'
xdotool windowactivate --sync "$window" key ctrl+w
wait_new 'no result: The document was closed'
press alt+o
sleep 1
scrot -o "$OUT/closed.png"
[[ -n $(dialog) ]] || stop 'OK works without a photo'
! window_named 'GIMP Message' || stop 'GIMP shows errors'
press Escape
closed 10
quit_gimp
