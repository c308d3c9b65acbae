# shellcheck shell=bash
# Builds the guests: HVM disks around one boot sector, tiny PVH and PV kernels, a tiny stub domain, and a ramdisk for Debian's kernel; and the
# program with which dom0 is looked at.

# hvm_disk BOOT_SECTOR OUT ACTION TEXT: a 1 MiB disk; ACTION is one of the letters in hvm.S.
hvm_disk() {
    truncate -s 1M "$2"
    dd if="$1" of="$2" conv=notrunc status=none
    printf '%s' "$4" | dd of="$2" bs=512 seek=1 conv=notrunc status=none
    printf '%s' "$3" | dd of="$2" bs=1 seek=1023 conv=notrunc status=none
}

build_guests() {
    local root=$1 dir=$2 work=$2/work name
    mkdir -p "$work/ramdisk"/{bin,sbin,dev,proc,sys}
    # The libraries of a newer Debian need a newer libc than this machine may have.
    cc -Wall -Wextra -Werror -O1 -I "$root/dev/usr/include" -o "$dir/look" "$bed_dir/dom0/look.c" \
        -L "$root/dev/usr/lib/x86_64-linux-gnu" -lxenctrl -lxenstore -Wl,--allow-shlib-undefined
    as --32 -I "$bed_dir/guests" -o "$work/hvm.o" "$bed_dir/guests/hvm.S"
    ld -m elf_i386 -Ttext 0x7c00 --oformat binary -o "$work/hvm.bin" "$work/hvm.o"
    hvm_disk "$work/hvm.bin" "$dir/hvm-idle.img" i "words from sector two"
    hvm_disk "$work/hvm.bin" "$dir/hvm-reboot.img" r "about to reboot"
    hvm_disk "$work/hvm.bin" "$dir/hvm-poweroff.img" p "about to power off"

    for name in probe nic screen; do
        as --32 -I "$bed_dir/guests" -o "$work/$name.o" "$bed_dir/guests/$name.S"
        ld -m elf_i386 -Ttext 0x7c00 --oformat binary -o "$dir/$name.img" "$work/$name.o"
        truncate -s 1M "$dir/$name.img"
    done

    as --32 -o "$work/pvh.o" "$bed_dir/guests/pvh.S"
    ld -m elf_i386 -N --no-warn-rwx-segments -Ttext 0x100000 --section-start=.note.Xen=0x110000 -o "$dir/pvh" "$work/pvh.o"
    as --64 -o "$work/pv.o" "$bed_dir/guests/pv.S"
    ld -m elf_x86_64 -N --no-warn-rwx-segments -Ttext 0x80100000 --section-start=.note.Xen=0x80110000 -o "$dir/pv" "$work/pv.o"

    cc -Wall -Wextra -Werror -O1 -ffreestanding -fpie -mno-red-zone -mgeneral-regs-only -fno-stack-protector \
        -fno-asynchronous-unwind-tables -fcf-protection=none -c -o "$work/stub.o" "$bed_dir/guests/stub.c"
    ld -m elf_x86_64 -N --no-warn-rwx-segments -Ttext 0x80100000 --section-start=.note.Xen=0x80110000 -o "$dir/stub" "$work/stub.o"

    install -m 755 "$bed_dir/guests/linux-init" "$work/ramdisk/init"
    cp /bin/busybox "$work/ramdisk/bin/busybox"
    printf '#!/bin/busybox sh\nexec busybox poweroff -f\n' >"$work/ramdisk/sbin/poweroff"
    printf '#!/bin/busybox sh\nexec busybox reboot -f\n' >"$work/ramdisk/sbin/reboot"
    chmod 755 "$work/ramdisk/sbin"/*
    cp -r "$root/modules/lib" "$work/ramdisk/"
    # The same bytes each time: build-hvm and build-pv keep what guests have in memory.
    find "$work/ramdisk" -exec touch -h -d @0 {} +
    (cd "$work/ramdisk" && find . | LC_ALL=C sort | cpio --quiet --reproducible -o -H newc -R 0:0 | gzip -n -1) >"$dir/linux-ramdisk"
    rm -rf "$work"
}
