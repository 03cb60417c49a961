#!/bin/bash
# Inside the sandbox with a screen: use the dialog for recipes like a person, on $OUT/start.xcf.
#   recipe.sh GIMP-PROGRAM
set -u
# shellcheck source=tests/plugin/gimp/inside/gui.sh
. "${0%/*}/gui.sh"

start_gimp "$1"

# Cancel: nothing happens.
open_dialog 'Recipe' c
scrot -o "$OUT/recipe.png"
press Escape
closed 10
wait_title 5 'start*1 layer)*'

# A click sets the focus of the recipe (Portrait, which is selected at first), and the result has it.
mark 'Preview by portrait'
open_dialog 'Recipe' c
wait_new 'Preview by portrait'
mark 'Preview by portrait'
click 300 200
wait_new 'Preview by portrait'
scrot -o "$OUT/recipe-focus.png"
mark 'dioptre-recipe: '
press alt+o
wait_new 'dioptre-recipe: '
wait_title 20 '[*]start*6 layers)*'
xdotool windowactivate --sync "$window" key ctrl+s
wait_title 20 'start*6 layers)*'
grep -aqE '"focus": ?\[[0-9]' "$OUT/start.xcf" || stop 'the result has no clicked focus'

# Another recipe (Large print) takes this result, which is selected, as its picture.
mark 'Preview by portrait'
open_dialog 'Recipe' c
wait_new 'Preview by portrait'
sleep 8    # All tiles have their pictures.
mark 'Preview by super_resolution'
xdotool key Right
wait_new 'Preview by super_resolution'
scrot -o "$OUT/recipe-other.png"
press Escape
closed 10
xdotool windowactivate --sync "$window" key ctrl+z
wait_title 10 '[*]start*1 layer)*'

# A recipe from a file is previewed, too.
printf '{"version": 2, "title": "Mine", "steps": [{"operation": "lens_blur"}]}' >"$OUT/mine.json"
mark 'Preview by portrait'
open_dialog 'Recipe' c
wait_new 'Preview by portrait'
xdotool key --delay 100 Down Right Right    # From a file; the tiles have the focus, on Portrait.
mark 'Preview by lens_blur'
press alt+f
sleep 1
xdotool key space    # The file chooser
sleep 3
xdotool type --delay 150 "$OUT/mine.json"
xdotool key Return
wait_new 'Preview by lens_blur'
scrot -o "$OUT/recipe-file.png"
press Escape
closed 10

# Another recipe (Landscape) on this picture. Without a file, OK does nothing.
open_dialog 'Recipe' c
mark 'Preview by white_balance'
xdotool key --delay 100 Up Up Right Right
wait_new 'Preview by white_balance'
scrot -o "$OUT/recipe-chosen.png"
xdotool key --delay 100 Down Down Down    # From a file
sleep 0.5
scrot -o "$OUT/recipe-none.png"
press alt+o
sleep 1
[[ -n $(dialog) ]] || stop 'OK works without a recipe'
mark 'Preview by white_balance'
xdotool key --delay 100 Up Up Up
wait_new 'Preview by white_balance'

# One undo step.
mark 'dioptre-recipe: '
press alt+o
wait_new 'dioptre-recipe: '
wait_title 20 '[*]start*3 layers)*'
scrot -o "$OUT/recipe-done.png"
xdotool windowactivate --sync "$window" key ctrl+z
wait_title 10 '*1 layer)*'
xdotool key ctrl+y
wait_title 10 '*3 layers)*'
xdotool key ctrl+s
wait_title 20 'start*3 layers)*'
quit_gimp
