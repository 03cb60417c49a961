#!/bin/bash
# Inside the sandbox with a screen: show previews on GIMP's canvas like a person, on $OUT/start.xcf.
#   canvas.sh GIMP-PROGRAM
set -u
# shellcheck source=tests/plugin/gimp/inside/gui.sh
. "${0%/*}/gui.sh"
full='Preview by portrait'
aside() { xdotool windowmove "$(dialog)" 840 60; sleep 0.5; }    # Drag the dialog off the canvas.
beside() {    # The window leaves most of the canvas in sight: it is narrow, and at the screen's right edge.
    eval "$(xdotool getwindowgeometry --shell "$(dialog)")"
    [[ $WIDTH -le 540 && $((X + WIDTH)) -ge 1915 ]] || stop "the window is over the canvas: $(geometry)"
}
seen() { import -window root -crop 200x160+300+200 rgba:- | md5sum; }    # The pixels of a part of the canvas.
wait_seen() {    # wait_seen PIXELS: wait until the canvas shows them
    for _ in $(seq 100); do [[ $(seen) == "$1" ]] && return 0; sleep 0.1; done
    stop "$2"
}
wait_unseen() {    # wait_unseen PIXELS WHY: wait until the canvas shows something else
    for _ in $(seq 100); do [[ $(seen) != "$1" ]] && { sleep 0.5; return 0; }; sleep 0.1; done
    stop "$2"
}

dismiss() {    # dismiss TENTHS: close GIMP's message if it comes within that time
    for _ in $(seq "$1"); do window_named 'GIMP Message' && break; sleep 0.1; done
    sleep 0.5
    window_named 'GIMP Message' && xdotool key Escape
    sleep 0.5
}

start_gimp "$1"
xdotool windowactivate --sync "$window" key ctrl+shift+d
wait_title 10 '*2 layers)*'
xdotool key ctrl+z
wait_title 10 '*1 layer)*'
sleep 1
photo=$(seen)

# The switch puts the preview on the canvas, the dialog's own shrinks; a held key or button shows the photo.
mark "$full"
open_dialog 'Portrait blur' p
aside
wait_new "$full"
scrot -o "$OUT/off.png"
[[ $(seen) == "$photo" ]] || stop 'the canvas shows a preview that nobody asked for'
[[ $(xdotool getwindowname "$(dialog)") == 'Portrait blur: Background' ]] || stop 'the title does not name the layer'
eval "$(xdotool getwindowgeometry --shell "$(dialog)")"
stood=$X
press alt+v
wait_unseen "$photo" 'the canvas shows no preview'
beside
scrot -o "$OUT/on.png"

# Off, the dialog is where it was.
press alt+v
wait_seen "$photo" 'the canvas keeps the preview'
eval "$(xdotool getwindowgeometry --shell "$(dialog)")"
[[ $((X - stood)) -le 2 && $((stood - X)) -le 2 ]] || stop "the dialog was at $stood px, and is at $X"
press alt+v
wait_unseen "$photo" 'the canvas shows no preview again'
[[ $(title) != *'*'* ]] || stop 'the preview counts as a change'
sleep 3
result=$(seen)
xdotool windowactivate --sync "$(dialog)" keydown y
wait_seen "$photo" 'the key does not show the photo'
scrot -o "$OUT/held.png"
xdotool keyup y
wait_seen "$result" 'the key stays'

# Neither a brush nor the tools for filling and moving change what the preview covers, or the preview.
for tool in p shift+b m; do
    xdotool windowactivate --sync "$window" key "$tool"
    sleep 0.5
    xdotool mousemove 380 260 mousedown 1 mousemove 400 280 mousemove 420 300 mouseup 1
    dismiss 30    # It says what is locked.
done
xdotool mousemove 1270 760
wait_seen "$result" 'a tool changes the preview'
[[ $(title) != '*'* ]] || stop 'a tool changes the photo under the preview'
mark "$full"
press alt+u
xdotool key --delay 60 Left Left Left Left Left Left
wait_unseen "$result" 'the canvas does not follow an option'
wait_new "$full"
sleep 1
scrot -o "$OUT/followed.png"
result=$(seen)
press alt+f
wait_unseen "$result" 'the canvas does not follow the view'
scrot -o "$OUT/focus.png"
press alt+a
wait_seen "$result" 'the canvas does not go back to the result'

# Cancel leaves nothing: neither on the canvas nor in the undo history, where the undone step is still there.
press Escape
closed 10
wait_title 5 'start*1 layer)*'
wait_seen "$photo" 'Cancel leaves the preview'
xdotool windowactivate --sync "$window" key ctrl+y
wait_title 10 '[*]start*2 layers)*'
xdotool key ctrl+z
wait_title 10 'start*1 layer)*'

# OK turns it into the result, which looks the same and is one step to undo.
mark "$full"
open_dialog 'Portrait blur' p
wait_new "$full"
press alt+v
wait_unseen "$photo" 'the canvas shows no second preview'
wait_new "$full"
sleep 2
import -window root -crop 200x160+300+200 "$OUT/seen-before.png"
mark 'dioptre-portrait: '
press alt+o
wait_new 'dioptre-portrait: '
wait_title 20 '[*]start*6 layers)*'
sleep 2
scrot -o "$OUT/result.png"
import -window root -crop 200x160+300+200 "$OUT/seen-after.png"
off=$(compare -metric MAE "$OUT/seen-before.png" "$OUT/seen-after.png" null: 2>&1 | sed 's/.*(\(.*\))/\1/')
[[ $(awk "BEGIN { print ($off < 0.01) }") == 1 ]] || stop "the preview was $off off the result"

# With a selection, another run adds a result, which the selection limits, although the group of the first is active.
xdotool windowactivate --sync "$window" key ctrl+a
mark "$full"
open_dialog 'Portrait blur' p
wait_new "$full"
mark 'dioptre-portrait: '
press alt+o
wait_new 'dioptre-portrait: '
wait_title 20 '[*]start*12 layers)*'
xdotool windowactivate --sync "$window" key ctrl+z
wait_title 10 '[*]start*6 layers)*'
xdotool key ctrl+z
sleep 1

# Edit shows the change in the place of the result, and Cancel shows the result again.
result=$(seen)
mark "$full"
open_dialog 'Portrait blur' e
wait_new "$full"
press alt+v
wait_title 20 '[*]start*7 layers)*'
press alt+u
xdotool key --delay 60 Left Left Left Left Left Left Left Left
wait_unseen "$result" 'the canvas does not show the edited result'
sleep 2
scrot -o "$OUT/edited.png"
press Escape
closed 10
wait_title 10 '[*]start*6 layers)*'
wait_seen "$result" 'the result is not back'
xdotool windowactivate --sync "$window" key ctrl+z
wait_title 10 '*1 layer)*'
wait_seen "$photo" 'the undone result is not the photo'

# An image whose saved changes are undone counts as changed, however often the preview is written.
for _ in $(seq 12); do xdotool key --delay 100 ctrl+shift+d; done
wait_title 20 '[*]start*13 layers)*'
xdotool key ctrl+s
wait_title 20 'start*13 layers)*'
for _ in $(seq 12); do xdotool key --delay 100 ctrl+z; done
wait_title 20 '[*]start*1 layer)*'
mark "$full"
open_dialog 'Portrait blur' p
wait_new "$full"    # The switch is remembered.
beside
wait_title 20 '[*]start*3 layers)*'
for _ in $(seq 4); do
    press alt+f
    sleep 1
    press alt+a
    sleep 1
    [[ $(title) == '*start'* ]] || stop 'an undone image counts as saved'
done
press Escape
closed 10
wait_title 5 '[*]start*1 layer)*'
clean

# The image is saved with the preview, and the plug-in is killed: the next entry removes it and says so.
xdotool windowactivate --sync "$window" key ctrl+shift+d
wait_title 10 '[*]start*2 layers)*'
mark "$full"
open_dialog 'Portrait blur' p
wait_new "$full"
wait_title 20 '[*]start*4 layers)*'
xdotool windowactivate --sync "$window" key ctrl+s
wait_title 20 'start*4 layers)*'
kill -9 $(pgrep -f 'dioptre[.]py')
dismiss 600    # GIMP tells of the crash.
run_entry u 'dioptre-update was refused'
wait_title 10 '[*]start*2 layers)*'
scrot -o "$OUT/removed.png"
dismiss 50

# It removes the locks, too.
save_as final
