# Functions for scripts that use GIMP like a person. Sourced, with $OUT set and the program as $1.
# The scripts read the outcome from the window's title, which counts layers, and from the plug-in's log.
# shellcheck shell=bash
log=$HOME/dioptre/log/gimp.log
patience=${PATIENCE_S:-300}    # Timeout for the first preview on a loaded machine.
stop() { echo "${0##*/}: $*" >&2; scrot -o "$OUT/failed.png"; cat "$log" >&2 2>/dev/null; exit 1; }
now() { date +%s%N | cut -c1-13; }

window=
title() { xdotool getwindowname "$window" 2>/dev/null; }
wait_title() {    # wait_title SECONDS PATTERN
    for _ in $(seq $(($1 * 10))); do
        # shellcheck disable=SC2053  # $2 is a pattern
        [[ $(title) == $2 ]] && return 0
        sleep 0.1
    done
    stop "title is '$(title)', wanted $2"
}
logged() { [[ -f $log ]] && grep -c "$1" "$log" || echo 0; }
marked=0
mark() { marked=$(logged "$1" | head -n 1); }    # mark PATTERN: later lines count as new
wait_new() {    # wait_new PATTERN: wait for a log line with the pattern since `mark`
    for _ in $(seq $((patience * 10))); do
        [[ $(logged "$1" | head -n 1) -gt $marked ]] && { sleep 0.3; return 0; }
        kill -0 "$gimp" 2>/dev/null || stop 'GIMP ended'
        sleep 0.1
    done
    stop "the log has no new '$1'"
}
name=
dialog() { xdotool search --onlyvisible --name "^$name(: .*)?\$" 2>/dev/null | head -n 1; }    # The title names the layer.
window_named() { [[ -n $(xdotool search --onlyvisible --name "^$1\$" 2>/dev/null) ]]; }
open_dialog() {    # open_dialog TITLE KEY: open the dialog of an entry of Filters ▸ Dioptre
    name=$1
    for _ in 1 2 3; do    # Keys are lost while the window settles.
        xdotool windowactivate --sync "$window"
        xdotool key --delay 150 alt+r
        sleep 0.7
        xdotool key --delay 150 Up Right    # The last entry, Dioptre
        sleep 0.7
        scrot -o "$OUT/menu.png"
        xdotool key "$2"
        for _ in $(seq 600); do    # A loaded machine starts Python slowly.
            [[ -n $(dialog) ]] && { sleep 0.5; return 0; }
            sleep 0.1
        done
        xdotool key --delay 100 Escape Escape Escape
    done
    stop "no dialog '$name'"
}
geometry() { xdotool getwindowgeometry "$(dialog)" | tr -d '\n'; }
press() { xdotool windowactivate --sync "$(dialog)" key "$1"; }    # press KEY: press a key in the dialog
click() {    # click X Y: click in the dialog, relative to its top left
    eval "$(xdotool getwindowgeometry --shell "$(dialog)")"
    xdotool mousemove $((X + $1)) $((Y + $2)) click 1
}
choose() {    # choose X Y: click once the pointer is visible there
    eval "$(xdotool getwindowgeometry --shell "$(dialog)")"
    xdotool mousemove $((X + $1)) $((Y + $2))
    sleep 0.5
    xdotool click 1
    sleep 0.5
}
drag_until_new() {    # drag_until_new PATTERN X Y WIDTH: move a slider until the log has two new lines
    eval "$(xdotool getwindowgeometry --shell "$(dialog)")"
    mark "$1"
    xdotool mousemove $((X + $2)) $((Y + $3)) mousedown 1
    for step in $(seq 800); do    # About 20 ms per step.
        xdotool mousemove $((X + $2 + 5 * step % $4)) $((Y + $3))
        [[ $(logged "$1" | head -n 1) -gt $((marked + 1)) ]] && { xdotool mouseup 1; return 0; }
    done
    xdotool mouseup 1
    stop "no new '$1' while the slider moves"
}
closed() {    # closed SECONDS: wait until the dialog has closed
    for _ in $(seq $(($1 * 50))); do [[ -z $(dialog) ]] && return 0; sleep 0.02; done
    stop 'the dialog stays'
}
start_gimp() {    # start_gimp PROGRAM [TITLE]: start GIMP with $OUT/start.xcf
    xdotool mousemove 1270 760     # Keeps tooltips out of the screenshots.
    "$1" --no-splash "$OUT/start.xcf" >"$OUT/gimp.log" 2>&1 &
    gimp=$!
    for _ in $(seq 1200); do
        window=$(xdotool search --onlyvisible --name '^\*?\[?start.*GIMP$' 2>/dev/null | head -n 1)
        [[ -n $window ]] && break
        kill -0 $gimp || stop 'GIMP ended early'
        sleep 0.1
    done
    [[ -n $window ]] || stop 'no window'
    wait_title 10 "${2:-*1 layer)*}"
}
quit_gimp() {    # quit_gimp [discard]: quit, and discard the changes that have not been saved
    xdotool windowactivate --sync "$window" key ctrl+q
    [[ ${1:-} != discard ]] || { sleep 1; xdotool key ctrl+d; }
    for _ in $(seq 100); do kill -0 $gimp 2>/dev/null || { clean; return 0; }; sleep 0.1; done
    stop 'GIMP does not quit'
}
clean() {    # The plug-in must not print anything; GIMP 3.2 itself prints much about the virtual pointer.
    found=$(grep -E 'Traceback|dioptre.*(WARNING|CRITICAL|Warning|Error|error)' "$OUT/gimp.log")
    [[ -z $found ]] || { cat "$OUT/gimp.log" >&2; stop "printed on the terminal: $found"; }
}
save_as() {    # save_as NAME: keep a copy of the saved document
    xdotool windowactivate --sync "$window" key ctrl+s
    wait_title 20 'start*'
    sleep 0.5
    cp "$OUT/start.xcf" "$OUT/$1.xcf"
}
run_entry() {    # run_entry KEY PATTERN: run an entry without a dialog until the log contains PATTERN
    mark "$2"
    xdotool windowactivate --sync "$window"
    xdotool key --delay 150 alt+r
    sleep 0.7
    xdotool key --delay 150 Up Right "$1"
    wait_new "$2"
}
