# A boot sector that drives an emulated RTL8139: it asks 192.168.77.1 for its address by ARP, once a second, and says on the
# first serial port which one answered.
        .code16
        .globl _start
        .set com1, 0x3f8
        .set ring, 0x10000              # where the NIC writes what it receives, 8 KiB and a frame
        .set ring_segment, ring >> 4
        .set me, 192 | 168 << 8 | 77 << 16 | 10 << 24
        .set dom0, 192 | 168 << 8 | 77 << 16 | 1 << 24

        .include "boot-sector.inc"
        movw    $com1+1, %dx            # 115200 8n1, no interrupts
        outb    %al, %dx
        movw    $com1+3, %dx
        movb    $3, %al
        outb    %al, %dx

        movl    $0x80000000, %ebx       # its PCI function, on bus 0
1:      addl    $0x800, %ebx
        xorb    %cl, %cl
        call    config
        inl     %dx, %eax
        cmpl    $0x813910ec, %eax
        jne     1b
        movb    $4, %cl                 # may use ports and memory
        call    config
        movb    $7, %al
        outb    %al, %dx
        movb    $0x10, %cl
        call    config
        inl     %dx, %eax
        andb    $0xfc, %al
        movw    %ax, %di                # its first port

        leaw    0x37(%di), %dx          # reset
        movb    $0x10, %al
        outb    %al, %dx
1:      inb     %dx, %al
        testb   $0x10, %al
        jnz     1b
        movb    $0x0c, %al              # on
        outb    %al, %dx
        leaw    0x30(%di), %dx
        movl    $ring, %eax
        outl    %eax, %dx
        leaw    0x44(%di), %dx          # frames to itself and to all, not wrapped around the ring's end
        movl    $0x8a, %eax
        outl    %eax, %dx
        movw    %di, %dx                # its own address, into the question
        xorw    %si, %si
1:      inb     %dx, %al
        movb    %al, source(%si)
        movb    %al, sender(%si)
        incw    %dx
        incw    %si
        cmpw    $6, %si
        jne     1b

ask:    leaw    0x20(%di), %dx          # each of four transmit descriptors in turn
        addw    slot, %dx
        movl    $frame, %eax
        outl    %eax, %dx
        subw    $0x10, %dx
        movl    $60, %eax
        outl    %eax, %dx
        addw    $4, slot
        andw    $0x0c, slot
        movw    $18, %cx                # the timer wakes this 18 times a second
wait:   hlt
        leaw    0x37(%di), %dx
        inb     %dx, %al
        testb   $1, %al                 # nothing received
        loopnz  wait
        jnz     ask

        movw    $ring_segment, %ax
        movw    %ax, %es
        movw    at, %bx                 # behind the status, the length and a frame: the next one
        movw    %es:2(%bx), %ax
        addw    $4+3, %ax
        andb    $0xfc, %al
        addw    at, %ax
        andb    $0x1f, %ah
        movw    %ax, at
        subw    $0x10, %ax
        leaw    0x38(%di), %dx
        outw    %ax, %dx
        cmpw    $0x0608, %es:4+12(%bx)  # ARP
        jne     ask
        cmpw    $0x0200, %es:4+20(%bx)  # an answer
        jne     ask
        movl    %es:4+28(%bx), %eax
        cmpl    $dom0, %eax
        jne     ask

        movw    $words, %si
        call    print
        leaw    4+22(%bx), %si
        movw    $6, %cx
1:      movb    %es:(%si), %al
        incw    %si
        call    hex
        loop    1b
        movw    $end, %si
        call    print
2:      hlt
        jmp     2b

config: movl    %ebx, %eax              # register %cl of the PCI function %ebx: %dx is its port
        movb    %cl, %al
        movw    $0xcf8, %dx
        outl    %eax, %dx
        movw    $0xcfc, %dx
        ret

hex:    pushw   %ax
        shrb    $4, %al
        call    digit
        popw    %ax
        andb    $0x0f, %al
digit:  cmpb    $10, %al
        sbbb    $0x69, %al
        das
        jmp     putc

        .include "serial.inc"

slot:   .word   0
at:     .word   0
frame:  .byte   0xff, 0xff, 0xff, 0xff, 0xff, 0xff      # its padding may be anything
source: .skip   6
        .byte   0x08, 0x06, 0, 1, 0x08, 0, 6, 4, 0, 1
sender: .skip   6
        .long   me
        .skip   6
        .long   dom0
words:  .asciz  "dom0 has "
end:    .asciz  "\r\n"
        .org    510
        .word   0xaa55
