# A boot sector for the device of ioreq-probe (crates/ioreq): uses it in every way and says on the first serial port what it
# read, a word and a number in each line. Then it times reads of a port until that reads as zero.
        .code16
        .globl _start
        .set com1, 0x3f8
        .set ports, 0xe80
        .set memory, 0xf8000000
        .set window, 0xa000             # segment of the VGA's memory
        .set buffer, 0x9000
        .set function, 0x8000ef00       # 00:1d.7, as configuration mechanism one writes it

        .include "boot-sector.inc"
        movw    $0x0203, %ax            # the rest of this program
        movw    $0x7e00, %bx
        movw    $2, %cx
        movw    $0x80, %dx
        int     $0x13
        jc      .
        jmp     rest
        .org    510
        .word   0xaa55

rest:   movw    $com1+1, %dx            # 115200 8n1, no interrupts
        xorb    %al, %al
        outb    %al, %dx
        movw    $com1+3, %dx
        movb    $3, %al
        outb    %al, %dx
        movw    $ports, %dx             # what firmware did before does not count
        outb    %al, %dx

        xorl    %eax, %eax
        inb     %dx, %al
        call    say
        .asciz  "byte "
        movw    $ports, %dx
        xorl    %eax, %eax
        inw     %dx, %ax
        call    say
        .asciz  "word "
        movw    $ports, %dx
        inl     %dx, %eax
        call    say
        .asciz  "long "

        movw    $ports+4, %dx
        movl    $0x12345678, %eax
        outl    %eax, %dx
        inl     %dx, %eax
        call    say
        .asciz  "complement "

        movw    $ports+8, %dx           # data out of memory and into memory
        movw    $words, %si
        movw    $4, %cx
        cld
        rep outsw
        inl     %dx, %eax
        call    say
        .asciz  "sum out "
        movw    $ports+10, %dx
        movw    $buffer, %di
        movw    $4, %cx
        rep insw
        call    add_up
        call    say
        .asciz  "sum in "
        std
        movw    $ports+10, %dx
        movw    $buffer+6, %di
        movw    $4, %cx
        rep insw
        cld
        movl    buffer, %eax
        call    say
        .asciz  "backwards "

        cli                             # a segment without a limit, for memory above 1 MiB
        lgdt    table
        movl    %cr0, %eax
        orb     $1, %al
        movl    %eax, %cr0
        movw    $8, %bx
        movw    %bx, %fs
        andb    $0xfe, %al
        movl    %eax, %cr0
        sti
        movl    $memory, %esi
        movl    $0xf00dface, %fs:(%esi)
        movl    %fs:(%esi), %eax
        call    say
        .asciz  "memory "
        movl    $memory, %esi
        movl    $buffer, %edi
        movl    $2, %ecx
        addr32 rep movsl %fs:(%esi), %es:(%edi)
        movl    buffer, %eax
        call    say
        .asciz  "copied "

        movw    $window, %ax            # the hypervisor buffers these
        movw    %ax, %es
        movw    $600, %cx
        xorw    %di, %di
1:      movb    %cl, %es:(%di)
        incw    %di
        loop    1b
        movw    $ports+14, %dx
        xorl    %eax, %eax
        inw     %dx, %ax
        call    say
        .asciz  "buffered "
        movl    %es:0, %eax
        pushw   %ds
        popw    %es
        call    say
        .asciz  "window "

        movl    $function, %eax
        movw    $0xcf8, %dx
        outl    %eax, %dx
        movw    $0xcfc, %dx
        inl     %dx, %eax
        call    say
        .asciz  "pci "
        movw    $ports+14, %dx          # reaches beyond what is claimed
        inl     %dx, %eax
        call    say
        .asciz  "beyond "
        movb    $2, %al                 # the clock's minutes
        outb    %al, $0x70
        movb    $0x30, %al
        outb    %al, $0x71
        xorb    %al, %al
        outb    %al, $0x71

        call    mark
1:      rdtsc
        movl    %eax, %ebx
        movw    $ports+12, %dx
        inl     %dx, %eax
        movl    %eax, %esi
        rdtsc
        subl    %ebx, %eax
        movw    $ports+12, %dx
        outl    %eax, %dx
        testl   %esi, %esi
        jnz     1b
        call    mark
        movw    $ports+14, %dx
        outb    %al, %dx
        xorl    %eax, %eax
        call    say
        .asciz  "done "
1:      hlt
        jmp     1b

mark:   rdtsc                           # tells the device model the time, in units of 256 ticks
        shrdl   $8, %edx, %eax
        movw    $ports, %dx
        outl    %eax, %dx
        ret

add_up: xorl    %eax, %eax              # the four words of the buffer
        xorl    %ebx, %ebx
        movw    $buffer, %si
        movw    $4, %cx
1:      movw    (%si), %bx
        addl    %ebx, %eax
        addw    $2, %si
        loop    1b
        ret

say:    movl    %eax, value             # the text behind the call, then %eax
        popw    %si
1:      lodsb
        testb   %al, %al
        jz      2f
        call    putc
        jmp     1b
2:      pushw   %si
        movl    value, %ebx
        movw    $8, %cx
3:      roll    $4, %ebx
        movb    %bl, %al
        andb    $15, %al
        cmpb    $10, %al
        sbbb    $0x69, %al
        das
        call    putc
        loop    3b
        movb    $'\r', %al
        call    putc
        movb    $'\n', %al
putc:   pushw   %ax
        movw    $com1+5, %dx
1:      inb     %dx, %al
        testb   $0x20, %al
        jz      1b
        popw    %ax
        movw    $com1, %dx
        outb    %al, %dx
        ret

        .balign 8
segments: .quad 0
        .quad   0x00cf92000000ffff      # flat, 4 GiB
table:  .word   15
        .long   segments
words:  .word   1, 20, 300, 4000
value:  .long   0
        .org    2048
