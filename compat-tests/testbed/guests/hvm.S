# A boot sector that says on the first serial port what it sees: itself, sector two of its disk (read with
# int 13h) and sector one of a second disk. The last byte of sector two then says what to do:
# i idle and echo what the serial port hears, r reboot, p power off.
        .code16
        .globl _start
        .set buffer, 0x8000
        .set com1, 0x3f8

        .include "boot-sector.inc"
        movw    $com1+1, %dx            # 115200 8n1, no interrupts
        outb    %al, %dx
        movw    $com1+3, %dx
        movb    $3, %al
        outb    %al, %dx
        movw    $hello, %si
        call    print
        movw    $2, %cx
        movw    $0x80, %dx              # head 0, first disk
        movw    $first, %si
        call    report
        movb    buffer+511, %al
        pushw   %ax
        movw    $1, %cx
        movw    $0x81, %dx
        movw    $second, %si
        call    report
        popw    %ax
        cmpb    $'r', %al
        je      reboot
        cmpb    $'p', %al
        je      poweroff

idle:   hlt                             # the timer wakes this 18 times a second
        movw    $com1+5, %dx
        inb     %dx, %al
        testb   $1, %al
        jz      idle
        movw    $com1, %dx
        inb     %dx, %al
        call    putc
        jmp     idle

reboot: movb    $0xfe, %al
        outb    %al, $0x64
        jmp     .
poweroff:
        movw    $0xb004, %dx            # PM1a control of the PIIX4: sleep enable, type 0
        movw    $0x2000, %ax
        outw    %ax, %dx
        jmp     .

report: movb    $0, buffer              # %si label, %dx disk, %cx sector: print "label: text of the sector"
        movw    $buffer, %bx
        movw    $0x0201, %ax
        pushw   %si
        int     $0x13
        popw    %si
        jc      1f
        call    print
        movw    $buffer, %si
        call    print
        movw    $newline, %si
        call    print
1:      ret

        .include "serial.inc"

hello:  .asciz  "boot sector runs\r\n"
first:  .asciz  "disk one: "
second: .asciz  "disk two: "
newline: .asciz "\r\n"
        .org    510
        .word   0xaa55
