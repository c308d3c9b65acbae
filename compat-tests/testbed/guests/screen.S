# A boot sector that talks by the screen and the keyboard alone, through the BIOS: it echoes what is typed; r reboots.
        .code16
        .globl _start
        .include "boot-sector.inc"
        movw    $hello, %si
1:      lodsb
        testb   %al, %al
        jz      typed
        call    show
        jmp     1b

typed:  xorb    %ah, %ah                # waits for a key
        int     $0x16
        cmpb    $'r', %al
        je      reboot
        call    show
        jmp     typed

reboot: movb    $0xfe, %al
        outb    %al, $0x64
        jmp     .

show:   movb    $0x0e, %ah
        xorw    %bx, %bx
        int     $0x10
        ret

hello:  .asciz  "the guest says: type here\r\n"
        .org    510
        .word   0xaa55
