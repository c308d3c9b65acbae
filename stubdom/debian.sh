# shellcheck shell=bash
# Debian's releases by the Xen that they ship, and packages of one of them on a host that runs another.

# The host's own release.
own_codename=$(. /etc/os-release && echo "${VERSION_CODENAME:-}")
xen_releases=$(dirname "${BASH_SOURCE[0]}")/../idl/release/releases.tsv

# own_xen: the Xen that the host's Debian ships; elsewhere the one that is built by default.
own_xen() {
    awk -v host="$own_codename" '$3 == "default" { chosen = $1 } ("," $4 ",") ~ ("," host ",") { own = $1 }
        END { print own ? own : chosen }' "$xen_releases"
}

# debian_codename XEN: the release that ships it.
debian_codename() {
    local names
    names=$(awk -v xen="$1" '$1 == xen && $3 != "described" { print $4 }' "$xen_releases")
    if [ -z "$names" ]; then
        echo "XEN=$1: $xen_releases lists what can be built" >&2
        return 1
    fi
    echo "${names%%,*}"
}

# debian_sources CODENAME: its archives in sources.list form, at the addresses where this machine finds its own.
debian_sources() {
    local options=
    # The host's apt need not trust the keys of another release.
    [ "$own_codename" = "$1" ] || options='[signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] '
    # shellcheck disable=SC2016
    apt-get indextargets --format '$(ORIGIN) $(REPO_URI) $(CODENAME) $(COMPONENT)' 'Created-By: Packages' |
        sed -nE "s,^Debian ([^ ]+) $own_codename(|-security|-updates) ,deb $options\1 $1\2 ,p" | sort -u
}

# debian_apt DIR CODENAME: apt is for that release from then on. Lists of another one than the host's are kept in DIR.
debian_apt() {
    mkdir -p "$1"/{lists,archives}/partial
    debian_sources "$2" >"$1/sources.list"
    if [ "$2" != "$own_codename" ]; then
        : >"$1/status"
        cat >"$1/apt.conf" <<CONF
Dir::State "$1";
Dir::State::lists "$1/lists";
Dir::State::status "$1/status";
Dir::Cache "$1";
Dir::Etc::sourcelist "$1/sources.list";
Dir::Etc::sourceparts "/dev/null";
APT::Sandbox::User "root";
CONF
        export APT_CONFIG=$1/apt.conf
    fi
    [ -n "$(apt-cache pkgnames xen-utils-common)" ] || apt-get -qq update
}

# unpack_deb PACKAGE DIR: the files of a package without installing it.
unpack_deb() {
    local tmp
    tmp=$(mktemp -d)
    chmod 755 "$tmp"
    (cd "$tmp" && apt-get -qq -o APT::Sandbox::User=root download "$1") || return
    dpkg -x "$tmp"/*.deb "$2"
    rm -rf "$tmp"
}

# current_kernel PACKAGE: what a package that only names the newest kernel depends on.
current_kernel() {
    apt-cache depends --no-recommends --no-suggests "$1" | sed -n 's/^ *Depends: \(linux-image-[0-9].*\)/\1/p' | head -1
}

# unpack_kernel VMLINUZ ELF: the builder of PV domains takes a plain ELF as it is, but spends seconds on unpacking a bzImage.
# Offsets are those of the x86 boot protocol.
unpack_kernel() {
    local sectors offset length magic
    sectors=$(od -An -tu1 -j 497 -N 1 "$1")
    offset=$(od -An -tu4 -j 584 -N 4 "$1")
    length=$(od -An -tu4 -j 588 -N 4 "$1")
    offset=$(((sectors + 1) * 512 + offset))
    # The last four bytes of the payload are the unpacked size, not part of the stream.
    dd if="$1" of="$2.packed" bs=1M iflag=skip_bytes,count_bytes skip=$offset count=$((length - 4)) status=none
    magic=$(od -An -tx1 -N 4 "$2.packed" | tr -d ' ')
    case $magic in
    02214c18) lz4 -dqc "$2.packed" >"$2" ;;
    28b52ffd) zstd -dqc "$2.packed" >"$2" ;;
    fd377a58) xz -dqc --single-stream "$2.packed" >"$2" ;;
    1f8b*) gzip -dqc "$2.packed" >"$2" ;;
    *)
        echo "$1: unknown compression (starts with $magic)" >&2
        return 1
        ;;
    esac
    rm "$2.packed"
}

# plain_modules TREE: modules as files that nothing has to unpack, under lib/modules in every release.
plain_modules() {
    [ -e "$1/lib" ] || ln -s usr/lib "$1/lib"
    find "$1/lib/modules/" -name '*.ko.xz' -exec xz -d {} +
}
