# shellcheck shell=bash
# Builds DIR/{xen,vmlinuz,vmlinux,initrd,root.ext4,packages}: everything dom0 boots from, out of Debian packages, and DIR/dev, what
# programs for it are compiled and linked with.

dom0_packages=(
    "xen-utils-$xen_version" xen-utils-common xenstore-utils qemu-system-xen
    ovmf kmod iproute2 bridge-utils iptables procps socat strace xz-utils zstd libyajl2 busybox-static valgrind libc6-dbg
    libvncclient1 libpng16-16
)

# module_files TREE KVER NAME...: paths of the modules and of all they need, in load order.
module_files() {
    local tree=$1 kver=$2 name
    shift 2
    for name; do
        modprobe -d "$tree" -S "$kver" --show-depends "$name" |
            awk '$1 == "insmod" { print $2 }'
    done | awk '!seen[$0]++'
}

# module_names [boot|guest]: names listed in dom0/modules, or those of one mark only.
module_names() {
    sed -e 's/#.*//' -e "${1:+/^$1 /!d}" -e 's/^boot //; s/^guest //' "$bed_dir/dom0/modules"
}

# copy_modules TREE KVER DEST NAME...: a small /lib/modules in DEST.
copy_modules() {
    local tree=$1 kver=$2 dest=$3 file
    shift 3
    module_files "$tree" "$kver" "$@" | while read -r file; do
        install -D -m 644 "$file" "$dest/${file#"$tree"/}"
    done
    cp "$tree/lib/modules/$kver"/modules.{builtin,builtin.modinfo,order} "$dest/lib/modules/$kver/"
    depmod -b "$dest" "$kver"
}

build_initrd() {
    local tree=$1 kver=$2 out=$3 dir
    dir=$(mktemp -d)
    mkdir -p "$dir"/{bin,dev,proc,sys,root}
    cp /bin/busybox "$dir/bin/"
    # shellcheck disable=SC2046
    copy_modules "$tree" "$kver" "$dir" $(module_names boot)
    cat >"$dir/init" <<'INIT'
#!/bin/busybox sh
busybox mount -t devtmpfs dev /dev
busybox mount -t proc proc /proc
for m in ahci sd_mod sr_mod crc32c_generic ext4; do busybox modprobe $m; done
until root=$(busybox findfs LABEL=dom0) 2>/dev/null; do busybox sleep 0.1; done
busybox mount -t ext4 -o rw,noatime "$root" /root
busybox cp /bed-init /root/sbin/bed-init
busybox mount --move /dev /root/dev
busybox umount /proc
exec busybox switch_root /root /sbin/bed-init
INIT
    chmod +x "$dir/init"
    (cd "$dir" && find . | cpio --quiet -o -H newc -R 0:0 | gzip -1) >"$out"
    rm -rf "$dir"
}

build_root() {
    local dir=$1 tree kernel kver
    tree=$(mktemp -d "$cache_dir/tree.XXXXXX")
    chmod 755 "$tree"
    mkdir -p "$dir"
    # shellcheck disable=SC2153
    debian_apt "$tree.apt" "$codename"
    cp "$tree.apt/sources.list" "$dir/"
    env -u APT_CONFIG mmdebstrap --mode=root --variant=minbase --format=directory \
        --include="$(IFS=,; echo "${dom0_packages[*]}")" \
        --dpkgopt='path-exclude=/usr/share/{doc,man,locale}/*' \
        "$codename" "$tree" - <"$dir/sources.list" >"$dir/mmdebstrap.log" 2>&1 ||
        { tail -20 "$dir/mmdebstrap.log" >&2; die "mmdebstrap could not build the dom0 tree"; }

    # Kernel and hypervisor are unpacked rather than installed: no initramfs, no boot loader.
    mkdir -p "$tree/tmp/k"
    kernel=$(current_kernel linux-image-amd64)
    unpack_deb "$kernel" "$tree/tmp/k" || die "cannot download $kernel"
    unpack_deb "xen-hypervisor-$xen_version-amd64" "$tree/tmp/k" || die "cannot download Xen"
    kver=${kernel#linux-image-}
    plain_modules "$tree/tmp/k"
    depmod -b "$tree/tmp/k" "$kver"
    gunzip -c "$tree/tmp/k/boot/xen-$xen_version-amd64.gz" >"$dir/xen"
    cp "$tree/tmp/k/boot/vmlinuz-$kver" "$dir/vmlinuz"
    unpack_kernel "$dir/vmlinuz" "$dir/vmlinux"
    build_initrd "$tree/tmp/k" "$kver" "$dir/initrd"
    # shellcheck disable=SC2046
    copy_modules "$tree/tmp/k" "$kver" "$tree" $(module_names)
    # shellcheck disable=SC2046
    copy_modules "$tree/tmp/k" "$kver" "$dir/modules" $(module_names guest)
    rm -rf "$tree/tmp/k"

    local package
    for package in libxen-dev libxenstore4 "libxenmisc$xen_version" libxentoolcore1 libxentoollog1 libxenevtchn1 libxencall1 \
        libxendevicemodel1 libxenforeignmemory1 libxengnttab1 libxenhypfs1; do
        unpack_deb "$package" "$dir/dev" || die "cannot download $package"
    done
    # What programs built on them run with, where the host's libc is older.
    mkdir "$dir/dev/usr/lib/run"
    chroot "$tree" ldd "/usr/lib/x86_64-linux-gnu/libxenlight.so.$xen_version" /usr/lib/x86_64-linux-gnu/libyajl.so.2 \
        /usr/lib/x86_64-linux-gnu/libgcc_s.so.1 | grep -oE '/(usr/)?lib[^ ]*' | grep -v : | sort -u |
        while read -r package; do cp -L "$tree$package" "$dir/dev/usr/lib/run/"; done
    cp -L "$tree"/usr/lib/x86_64-linux-gnu/{libyajl.so.2,libgcc_s.so.1,libm.so.6} "$dir/dev/usr/lib/run/"

    cp "$dir/vmlinuz" "$dir/vmlinux" "$tree/boot/"
    # What the guests are made of and run on.
    {
        echo "$kernel"
        dpkg-query --admindir="$tree/var/lib/dpkg" -W | grep -E '^(xen|libxen|qemu|seabios|ipxe|ovmf)'
    } >"$dir/packages"
    rm -rf "$tree"/var/cache/apt/* "$tree"/var/lib/apt/lists/*
    truncate -s 3G "$dir/root.ext4"
    mkfs.ext4 -q -O ^has_journal,^metadata_csum -L dom0 -E lazy_itable_init=1 -d "$tree" "$dir/root.ext4"
    rm -rf "$tree" "$tree.apt"
}
