#!/bin/bash
# Records portrait blur from the menu to the layers; screenshots.py starts it in a sandbox with a screen.
#   film.sh GIMP-PROGRAM
# Reads $OUT/start.xcf. Writes the frames to $OUT/frame-NNNN.png and their durations in milliseconds to $OUT/frames.
# A frame is taken after each small movement, and none while Dioptre computes, so a busy machine gives the same film.
set -u
# shellcheck source=tests/plugin/gimp/tests/gui.sh
. /tests/gui.sh
full='Preview by portrait'
number=0 x=700 y=500

frame() {    # frame MILLISECONDS
    number=$((number + 1))
    scrot -p -o "$OUT/frame-$(printf %04d $number).png"
    echo "$1" >>"$OUT/frames"
}
glide() {    # glide X Y: move the pointer over the screen
    local from_x=$x from_y=$y step
    for step in 1 2 3 4 5 6 7 8; do
        x=$((from_x + ($1 - from_x) * step / 8)) y=$((from_y + ($2 - from_y) * step / 8))
        xdotool mousemove "$x" "$y"
        sleep 0.05
        frame 70
    done
    frame 350
}
glide_in() {    # glide_in X Y: move the pointer to a place in the dialog
    eval "$(xdotool getwindowgeometry --shell "$(dialog)")"
    glide $((X + $1)) $((Y + $2))
}
press_button() { xdotool click 1; sleep "${1:-0.6}"; frame 400; }
arrive() {    # arrive MILLISECONDS: show that the preview is being computed, and then the preview
    frame 700
    wait_new "$full"
    sleep 0.5
    frame "$1"
}

rm -f "$OUT/frames"
name='Portrait blur'
start_gimp "$1"
read -r width height < <(xdotool getdisplaygeometry)
xdotool windowmove "$window" 0 0 windowsize --sync "$window" "$width" $((height - 24))
xdotool mousemove $x $y
sleep 2
frame 2000

# Filters ▸ Dioptre ▸ Portrait blur…
glide 428 32
press_button 1
glide 454 513
sleep 1    # The submenu opens by itself; a click would close it again.
frame 500
glide 720 513
mark "$full"
xdotool click 1
for _ in $(seq 600); do [[ -n $(dialog) ]] && break; sleep 0.1; done
[[ -n $(dialog) ]] || stop 'no dialog'
sleep 1
arrive 3000

# Focus on the space shuttle, then on the face.
for place in '450 242' '242 190'; do
    # shellcheck disable=SC2086  # two words
    glide_in $place
    mark "$full"
    press_button 0.3
    arrive 2500
done

# More blur, with a preview at every step.
glide_in 866 174
xdotool mousedown 1
frame 300
for step in 1 2 3 4 5 6; do
    mark 'Draft by'
    x=$((x + 6))
    xdotool mousemove "$x" "$y"
    for _ in $(seq 80); do [[ $(logged 'Draft by' | head -n 1) -gt $marked ]] && break; sleep 0.1; done
    sleep 0.3
    frame 350
done
mark "$full"
xdotool mouseup 1
sleep 4
frame 2000

# Another bokeh shape, the focus, and before and after.
glide_in 738 218
mark "$full"
press_button 0.3
arrive 2000
glide_in 276 16
press_button
frame 2500
glide_in 166 16
press_button
frame 2000

glide_in 994 734
mark 'dioptre-portrait: '
press_button 0.6
frame 800
wait_new 'dioptre-portrait: '
closed 60
sleep 8    # A busy machine takes a while to draw the picture again.
frame 4500
quit_gimp discard
