#!/bin/bash
# Inside the sandbox with a laptop's small screen: the other dialogs, and quitting GIMP during a run.
#   small_screen.sh GIMP-PROGRAM
# Writes the width and height of every dialog, with all its options shown, to $OUT/sizes.
set -u
# shellcheck source=tests/plugin/gimp/inside/gui.sh
. "${0%/*}/gui.sh"
measure() {    # measure FILE: save a screenshot of the dialog and record its title and size
    press alt+m    # More options
    sleep 1
    scrot -o "$OUT/$1.png"
    eval "$(xdotool getwindowgeometry --shell "$(dialog)")"
    echo "$name|$WIDTH|$((HEIGHT + 30))" >>"$OUT/sizes"    # Includes the window's title bar.
}

: >"$OUT/sizes"
start_gimp "$1"

# Enlarging the whole image is a single step, which undo reverts entirely.
mark 'Preview by super_resolution'
open_dialog 'Super-resolution' s
wait_new 'Preview by super_resolution'
measure enlarging
mark 'dioptre-super-resolution: '
press alt+o
wait_new 'dioptre-super-resolution: '
wait_title 20 '[*]start*1 layer)*'
sleep 1
scrot -o "$OUT/enlarged.png"
xdotool windowactivate --sync "$window" key ctrl+s
wait_title 20 'start*1 layer)*'
cp "$OUT/start.xcf" "$OUT/enlarged.xcf"
xdotool key ctrl+z
wait_title 10 '[*]start*1 layer)*'
xdotool key ctrl+s
wait_title 20 'start*1 layer)*'
cp "$OUT/start.xcf" "$OUT/reduced.xcf"

# White balance: click a neutral point in the picture.
mark 'Preview by white_balance'
open_dialog 'White balance' w
wait_new 'Preview by white_balance'
measure white_balance
mark 'Preview by white_balance'
click 230 130    # The wall
wait_new 'Preview by white_balance'
scrot -o "$OUT/neutral.png"
press Escape
closed 10

# Depth with its confidence, then its repair in a selection.
mark 'Preview by depth'
open_dialog 'Depth map' d
wait_new 'Preview by depth'
press alt+f
measure depth_dialog
mark 'dioptre-depth: '
press alt+o
wait_new 'dioptre-depth: '
wait_title 20 '[*]start*2 layers)*'
xdotool windowactivate --sync "$window" key ctrl+a
mark 'Preview by repair_depth'
open_dialog 'Repair depth in selection' r
wait_new 'Preview by repair_depth'
measure repairing
press Escape
closed 10

# Portrait blur with all options; GIMP quits during the run after OK.
xdotool windowactivate --sync "$window" key ctrl+s
wait_title 20 'start*2 layers)*'
mark 'Preview by portrait'
open_dialog 'Portrait blur' p
wait_new 'Preview by portrait'
# While the canvas shows the preview, the blur and the focus range are in sight.
mark 'Preview by portrait'
press alt+v
wait_new 'Preview by portrait'
sleep 1
scrot -o "$OUT/on_canvas.png"
for place in '260 347' '413 457'; do    # The slider, and the range's Auto
    mark 'Preview by portrait'
    # shellcheck disable=SC2086  # two numbers
    choose $place
    wait_new 'Preview by portrait'
done
mark 'Preview by portrait'
press alt+v
wait_new 'Preview by portrait'
choose 176 51    # The focus brush, Keep sharp
measure portrait
mark 'Preview by portrait'
choose 790 372    # More options opened in sight: Background blur
wait_new 'Preview by portrait'
pkill -STOP -f 'dioptre[.]worker'    # Makes the job last.
press alt+o
sleep 1
quit_gimp
pkill -CONT -f 'dioptre[.]worker'
for _ in $(seq 100); do
    left=$(pgrep -f plug-ins/dioptre/dioptre.py | wc -l)
    files=$(find "$HOME/dioptre/data/worker/exchange" -type f | wc -l)
    [[ $left == 0 && $files == 0 ]] && break
    sleep 0.1
done
pgrep -f 'dioptre[.]worker' >/dev/null && worker=1 || worker=0
echo "$left $files $worker" >"$OUT/after_quitting"
