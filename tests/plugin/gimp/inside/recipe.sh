#!/bin/bash
# Inside the sandbox with a screen: the dialog for recipes as a person would use it, on $OUT/start.xcf.
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

# The first preset below "From the file" (Landscape): one step to undo.
mark 'dioptre-recipe: '
open_dialog 'Recipe' c
press alt+p
xdotool key Down
sleep 0.5
scrot -o "$OUT/recipe-chosen.png"
press alt+o    # Return would open the list again
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
