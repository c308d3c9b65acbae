# shellcheck shell=bash
# What the two libraries recorded (record and record_tree of dom0/scenario.sh) must be the same, once what differs from run
# to run has a name: uuids, numbers of the scenario's domains, pids, event channels, times. It is done here because a program
# takes a tenth of a second to start on the emulated machine.

# normalise: from standard input to output. A record begins with the numbers of the domains that were known then, as "name=number ...".
normalise() {
    local args=() entry name id names
    IFS=' ' read -ra names
    for entry in "${names[@]}"; do
        name=${entry%=*} id=${entry##*=}
        # Only where a domain's number stands: devices have small numbers, too.
        args+=(-e "s#(/local/domain/|/libxl/|device-model/|/backend/[a-z0-9_]+/|/dm-argv/002 = \")$id\\b#\\1<$name>#g")
        args+=(-e "s#([(,][nrwb])$id\\b#\\1<$name>#g; s#\\bvif$id([.-])#vif<$name>\\1#g")
        args+=(-e "s#((domid|target|frontend-id|device-model-domid)\"?( =|:) \"?)$id\\b#\\1<$name>#g")
        args+=(-e "s#(qemu-save|qmp-libxl|qmp-libxenstat|qemu-resume|-xen-domid|XEN_DOMAIN_ID|^-d|[ \"]-d)([-. =])$id\\b#\\1\\2<$name>#g")
    done
    sed -E "${args[@]}" -e 's/[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}/<uuid>/g' \
        -e 's#(/(port|start_time|device-model-pid|qmp-proxy-pid|physical-device|tty|event-channel[^ ]*|[a-z-]*ring-ref[^ ]*) = ")[^"]*#\1*#' \
        -e 's#/dev/(pts/|loop)[0-9]+#/dev/\1*#g'
}

# records DIR OUT: all of a scenario's records, normalised. Of a store's tree (*.store) what the scenario added.
records() {
    local record name
    mkdir -p "$2"
    for record in "$1"/record/*; do
        name=${record##*/}
        case $name in
        *.store) grep -vxFf "$1/before" "$record" | normalise | LC_ALL=C sort >"$2/$name" ;;
        *) normalise <"$record" >"$2/$name" ;;
        esac
    done
}

# scenario_key NAME: changes whenever what the scenario does might, and with Debian's packages; for those that keep what guests
# have in memory, with the ramdisk.
scenario_key() {
    local files=("$bed_dir/scenarios/$1.sh") include
    [ ! -d "$bed_dir/scenarios/$1" ] || files+=("$bed_dir/scenarios/$1")
    while read -r include; do files+=("$bed_dir/scenarios/$include"); done < <(grep -oE '[a-z]+\.inc$' "${files[0]}")
    [[ $1 != build-* ]] || files+=("$(guests_dir)/linux-ramdisk")
    content_key "${files[@]}" "$bed_dir"/dom0/{scenario.sh,look.c} "$bed_dir/guests" \
        "$bed_dir/lib"/{build-guests,compare}.sh | cat - "$(root_dir)/packages" | sha256sum | cut -c1-16
}

# noted NAME: whether there are notes of the scenario as it is now.
noted() { [ "$(cat "$bed_dir/records/$1/key" 2>/dev/null)" = "$(scenario_key "$1")" ]; }

# outdated NAME: whether its notes are of another scenario or of other packages.
outdated() { [ -d "$bed_dir/records/$1" ] && ! noted "$1"; }

# note_records WORK: keeps what the C library recorded in scenarios that it has passed.
note_records() {
    local dir name
    for dir in "$1"/results/*.c "$1"/results/*/*.c; do
        name=${dir#"$1/results/"} name=${name%.c}
        if [ ! -d "$dir/record" ] || ! grep -q "^PASS $name on c " "$1/job.log"; then continue; fi
        rm -rf "$bed_dir/records/$name"
        records "$dir" "$bed_dir/records/$name"
        scenario_key "$name" >"$bed_dir/records/$name/key"
    done
}

# compare_records RESULTS [STRICT]: what ours recorded with what the C library did, in this run or in its notes; 1 and a line in
# RESULTS/failures for each scenario that differs, but for what the file `allowed` lists. STRICT: and where there is nothing to
# compare with.
compare_records() {
    local dir name rc=0 wrong shown=$1/compared with
    for dir in "$1"/*.ours "$1"/*/*.ours; do
        name=${dir#"$1"/} name=${name%.ours}
        [ -d "$dir/record" ] || continue
        records "$dir" "$shown/$name.ours"
        wrong='' with="$bed_dir/records/$name"
        if [ -d "$1/$name.c/record" ]; then
            with=$shown/$name.c
            records "$1/$name.c" "$with"
        elif ! noted "$name"; then
            wrong="not compared: records/$name is missing or outdated; run --lib c --note $name makes it"
            [ -n "${2:-}" ] || { say "$name: $wrong" && continue; }
        fi
        if [ -z "$wrong" ]; then
            diff -r --exclude=key "$with" "$shown/$name.ours" | grep -E '^([<>]|Only in)' |
                grep -vEf <(sed '/^#/d; /^$/d' "$bed_dir/allowed") >"$1/$name.difference" || continue
            wrong="differs from the C library (< C library, > ours)"
        fi
        rc=1
        echo "FAIL $name: $wrong"
        [ ! -f "$1/$name.difference" ] || sed 's/^/    /' "$1/$name.difference"
        echo "$name: $wrong" >>"$1/failures"
    done
    return "$rc"
}
