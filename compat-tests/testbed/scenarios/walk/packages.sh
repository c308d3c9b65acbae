# The Debian packages in dom0, beside Debian's own: an installation that fails, one that does not, xl on the library and a guest with the
# stub domain, an upgrade while that runs, an upgrade that fails, removal while it still runs, after which the C library destroys
# it, and purging, after which every file is as before.
# Needs XENLIGHT_BED_ADD with what testbed/packages/build makes (make test-packages), and neither library nor image of the bed's.
[ "$bed_lib" = c ] || skip "the packages bring the library"
[ -d /job/add/first ] || skip "no packages; make test-packages brings them"
[ ! -e /job/stubdom ] || fail "the bed has put an image of its own in place"
. /job/scenarios/include/hvm.inc
PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
rm -f /usr/libexec/xenlight-serve # the bed's
add=/job/add
link=${debian_library%.0}
kept=${debian_library%/*}/debian-${debian_library##*/}
serve=$xen_dir/bin/xenlight-serve
diverting=("libxenlight$xen_release" "libxenlight$xen_release-dev")
packages=("${diverting[@]}" "xenlight-stubdom-$xen_release" "xenlight-inspect-$xen_release")

# altered PACKAGE...: files of theirs that are missing or have another content, diverted ones where they are kept. dom0 has no
# documentation.
altered() { dpkg --verify "$@" | grep -vE ' /usr/share/(doc|man|lintian)/' || true; }
version() { dpkg-query -W -f '${db:Status-Status} ${Version}\n' "$1"; }
# files: all that dpkg and packages have a say in, but copies of dpkg's from the time before and what ldconfig writes.
files() {
    find /usr /etc /var/lib/dpkg ! -type d ! -name '*-old' ! -path '*/triggers/*' ! -path /etc/ld.so.cache -printf '%p %l\n' | sort
    cat /var/lib/dpkg/diversions
}

debian_alone() {
    cmp "$debian_library" "/job/debian/libxenlight.so.$xen_release" || fail "$1: Debian's library is not in its place"
    same "$1: diverted files" '' "$(find /usr -name 'debian-libxenlight*' -o -name '*libxl*.debian' -o -name 'xenlight.pc.debian')"
    same "$1: diversions" '' "$(dpkg-divert --list '*xenlight*'; dpkg-divert --list '*libxl*')"
    same "$1: where the link leads" "${debian_library##*/}" "$(readlink "$link")"
    same "$1: what differs in Debian's packages" '' "$(altered "libxenmisc$xen_release")"
}

ours_beside() {
    cmp "$kept" "/job/debian/libxenlight.so.$xen_release" || fail "$1: Debian's library is not kept"
    ! cmp -s "$debian_library" "$kept" || fail "$1: the library is Debian's"
    same "$1: diversions" 9 "$(dpkg-divert --list | grep -c xenlight)"
    ldconfig
    same "$1: where the link leads" "${debian_library##*/}" "$(readlink "$link")"
    same "$1: what differs in the packages" '' "$(altered "${packages[@]}" "libxenmisc$xen_release" libxen-dev)"
}

[ ! -e "$kept" ] || dpkg --purge "${packages[@]}" libxen-dev # a try before this one
files >"$work/files.before"

step "an installation that fails"
for package in "${diverting[@]}"; do
    expect_error 'exit status 3' dpkg -i "$add/broken/${package}_"*.deb
    debian_alone "after a failed installation of $package"
done

step "install"
# Where dom0 is older than the archive, the rest of Xen is of another build than the headers.
expect '' dpkg --force-depends-version -i "$add"/dev/*.deb
expect '' dpkg -i "$add"/first/*.deb
ours_beside "installed"
first=$(version "${packages[0]}")
same "state" installed "${first% *}"

cp "$guests/hvm-idle.img" "$work/hvm.img"
guest box stubdom "disk=[\"$work/hvm.img,raw,hda,w\"]"
boots_and_echoes box
expect_library "$(xl_daemon box)" "the xl that watches box"
id=${domid_of[box]}
stub=$(xenstore-read "/local/domain/$id/image/device-model-domid") || fail "the guest has no stub domain"
same "what serves the stub domain" "$serve" "$(readlink "/proc/$(pgrep -x xenlight-serve)/exe")"
expect '^nothing is inconsistent' xenlight-inspect box

step "upgrade while the guest runs"
expect '' dpkg -i "$add"/next/*.deb
ours_beside "upgraded"
same "version" "$first+next" "$(version "${packages[0]}")"
type_line box "typed after the upgrade"
await_text "$bed_out/console.box" 'typed after the upgrade'
expect '^box ' xl list

step "an upgrade that fails"
for package in "${diverting[@]}"; do
    expect_error 'exit status 3' dpkg -i "$add/broken/${package}_"*.deb
    ours_beside "after a failed upgrade of $package"
    same "version of $package" "$first+next" "$(version "$package")"
done

step "remove while the guest runs"
expect '' dpkg --remove "${packages[@]}"
debian_alone "removed"
same "what differs in libxen-dev" '' "$(altered libxen-dev)"
type_line box "typed after the removal"
await_text "$bed_out/console.box" 'typed after the removal'
expect '^box ' xl list
destroy box
await 10 "the stub domain to be gone" gone "$stub"
# The C library removes what belongs to a stub domain's QEMU in dom0, and there was none: docs/quirks.md.
left=/local/domain/0/device-model/$stub
same "what the C library leaves" qmp-proxy-state "$(xenstore-list "$left")"
xenstore-rm "$left"

step "purge"
expect '' dpkg --purge "${packages[@]}" libxen-dev
debian_alone "purged"
files >"$work/files.after"
diff "$work/files.before" "$work/files.after" >"$bed_out/files" || fail "files are not as before: $(grep '^[<>]' "$bed_out/files" | head -n 5)"
guest tiny pvh 'cmdline="idle"'
create tiny
expect_library "$(xl_daemon tiny)" "the xl that watches tiny"
destroy tiny
