# A 64-bit PV guest in the old way: list of machine frames and ramdisk inside the first mapping. Writes a line to Xen's
# console and powers off, or idles for ever when its command line begins with i.
        .set console_io, 18
        .set sched_op, 29
        .set sched_shutdown, 2
        .set sched_poll, 3
        .set start_info_cmdline, 128
        .set shutdown_poweroff, 0

        .macro  text type, value
        .long   4, 9f - 8f, \type
        .asciz  "Xen"
8:      .asciz  "\value"
9:      .balign 4
        .endm
        .macro  address type, value
        .long   4, 8, \type
        .asciz  "Xen"
        .quad   \value
        .endm

        .section .note.Xen, "a", @note
        text    5, "xen-3.0"
        text    6, "tiny"
        text    8, "generic"
        address 1, _start
        address 2, hypercall_page
        address 3, 0x80000000
        address 4, 0x80000000          # physical addresses in the file are virtual ones

        .text
        .globl  _start
_start: movb    start_info_cmdline(%rsi), %bl
        leaq    hello(%rip), %rdx
        movl    $0, %edi                # CONSOLEIO_write
        movl    $hello_end - hello, %esi
        call    hypercall_page + 32 * console_io
        cmpb    $'i', %bl
        je      idle
        movl    $sched_shutdown, %edi
        leaq    reason(%rip), %rsi
        call    hypercall_page + 32 * sched_op
idle:   movl    $sched_poll, %edi       # for no event at all
        leaq    nothing(%rip), %rsi
        call    hypercall_page + 32 * sched_op
        jmp     idle

        .balign 4096
        .globl  hypercall_page
hypercall_page: .skip 4096

        .data
hello:  .ascii  "pv guest runs\n"
hello_end:
        .balign 4
reason: .long   shutdown_poweroff
        .balign 8
nothing: .quad  0, 0, 0                 # ports, how many, until when
