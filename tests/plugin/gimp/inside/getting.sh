#!/bin/bash
# Inside the sandbox with a screen: choose a network that is not installed, see it refused, download it and use it.
#   getting.sh GIMP-PROGRAM
set -u
# shellcheck source=tests/plugin/gimp/inside/gui.sh
. "${0%/*}/gui.sh"
full='Preview by super_resolution'

start_gimp "$1"
mark "$full"
open_dialog 'Super-resolution' s
wait_new "$full"
press alt+k    # The network: choose the entry after the bundled one.
xdotool key --delay 100 Down
sleep 1
scrot -o "$OUT/missing.png"

# OK is disabled.
press alt+o
sleep 1
[[ -n $(dialog) ]] || stop 'OK works without the network'

# A stalled download is cancelled and a broken one reports its failure. Then one succeeds, and the preview starts
# automatically.
echo holds >"$OUT/behaviour"
xdotool key Tab space
sleep 3
scrot -o "$OUT/getting.png"
xdotool key space    # Cancel has the focus.
sleep 1
scrot -o "$OUT/cancelled.png"
echo 'cuts off' >"$OUT/behaviour"
mark 'The download failed'
xdotool key space
wait_new 'The download failed'
scrot -o "$OUT/broken.png"
rm "$OUT/behaviour"
mark "$full"
xdotool key space
wait_new "$full"
wait_log=$(logged 'Downloaded realesr-animevideov3' | head -n 1)
[[ $wait_log -eq 1 ]] || stop "the log says $wait_log times that it was downloaded"
scrot -o "$OUT/got.png"
mark 'dioptre-super-resolution: '
press alt+o
wait_new 'dioptre-super-resolution: '
save_as got
quit_gimp
