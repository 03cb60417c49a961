#!/bin/bash
# Inside the sandbox with a screen: uses the plug-in as a person would, on $OUT/start.xcf.
#   dialog.sh GIMP-PROGRAM
# What happened is read from the window's title, which counts layers, and from the plug-in's log.
set -u
log=$HOME/dioptre/log/gimp.log
patience=${PATIENCE_S:-600}    # for the first preview on a loaded machine
stop() { echo "dialog: $*" >&2; scrot -o "$OUT/failed.png"; cat "$log" >&2 2>/dev/null; exit 1; }
now() { date +%s%N | cut -c1-13; }

window=
title() { xdotool getwindowname "$window" 2>/dev/null; }
wait_title() {    # wait_title SECONDS PATTERN
    for _ in $(seq $(($1 * 10))); do
        # shellcheck disable=SC2053  # a pattern
        [[ $(title) == $2 ]] && return 0
        sleep 0.1
    done
    stop "title is '$(title)', wanted $2"
}
logged() { [[ -f $log ]] && grep -c "$1" "$log" || echo 0; }
wait_log() {    # wait_log PATTERN COUNT
    for _ in $(seq $((patience * 10))); do
        [[ $(logged "$1" | head -n 1) -ge $2 ]] && { sleep 0.3; return 0; }
        kill -0 "$gimp" 2>/dev/null || stop 'GIMP ended'
        sleep 0.1
    done
    stop "the log has no $2 of '$1'"
}
dialog() { xdotool search --onlyvisible --name '^Portrait blur$' 2>/dev/null | head -n 1; }
open_dialog() {
    for _ in 1 2 3; do    # keys are lost while the window settles
        xdotool windowactivate --sync "$window"
        xdotool key --delay 150 alt+r
        sleep 0.7
        xdotool key --delay 150 Up Right    # the last entry, Dioptre
        sleep 0.7
        scrot -o "$OUT/menu.png"
        xdotool key p    # Portrait blur
        for _ in $(seq 600); do    # a loaded machine starts Python slowly
            [[ -n $(dialog) ]] && { sleep 0.5; return 0; }
            sleep 0.1
        done
        xdotool key --delay 100 Escape Escape Escape
    done
    stop 'no dialog'
}
closed() {    # closed SECONDS: wait until the dialog has gone
    for _ in $(seq $(($1 * 50))); do [[ -z $(dialog) ]] && return 0; sleep 0.02; done
    stop 'the dialog stays'
}

xdotool mousemove 1270 890     # no tooltips in the pictures
"$1" --no-splash "$OUT/start.xcf" >"$OUT/gimp.log" 2>&1 &
gimp=$!
for _ in $(seq 1200); do
    window=$(xdotool search --onlyvisible --name '^\*?\[?start.*GIMP$' 2>/dev/null | head -n 1)
    [[ -n $window ]] && break
    kill -0 $gimp || stop 'GIMP ended early'
    sleep 0.1
done
[[ -n $window ]] || stop 'no window'
wait_title 10 '*1 layer)*'

# The first preview; then Cancel: nothing happens.
open_dialog
scrot -o "$OUT/opened.png"
wait_log 'portrait, 640 px' 1
scrot -o "$OUT/preview.png"
xdotool windowactivate --sync "$(dialog)" key Escape
closed 10
wait_title 5 'start*1 layer)*'

# Again: click for the focus, look at depth and focus range.
open_dialog
wait_log 'portrait, 640 px' 2
eval "$(xdotool getwindowgeometry --shell "$(dialog)")"
xdotool mousemove $((X + 300)) $((Y + 250)) click 1
wait_log 'portrait, 640 px' 3
scrot -o "$OUT/clicked.png"
xdotool windowactivate --sync "$(dialog)" key alt+d
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
xdotool windowactivate --sync "$(dialog)" key Return
sleep 0.5
scrot -o "$OUT/working.png"
began=$(now)
xdotool key Escape
closed 10
echo $(($(now) - began)) >"$OUT/cancel_ms"
wait_title 5 'start*1 layer)*'

# OK: a group of layers, in one step that undo takes back whole.
open_dialog
wait_log 'portrait, 640 px' 4
xdotool windowactivate --sync "$(dialog)" key Return
wait_log 'dioptre-portrait: ' 1
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
xdotool key ctrl+q
for _ in $(seq 100); do kill -0 $gimp 2>/dev/null || exit 0; sleep 0.1; done
stop 'GIMP does not quit'
