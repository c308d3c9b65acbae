# A PVH guest of a few hundred bytes. The first character of its command line says what it does:
# p power off, r reboot, c crash, s suspend, anything else idle for ever.
        .set note_phys32_entry, 18
        .set sched_shutdown, 2
        .set hypercall_sched_op, 29

        .section .note.Xen, "a", @note
        .long   4, 4, note_phys32_entry
        .asciz  "Xen"
        .long   _start

        .text
        .code32
        .globl _start
_start: movl    24(%ebx), %esi          # hvm_start_info.cmdline_paddr
        movl    $hello, %edi
1:      movb    (%edi), %al             # port 0xe9 goes to Xen's console
        testb   %al, %al
        jz      2f
        outb    %al, $0xe9
        incl    %edi
        jmp     1b
2:      movl    $0x40000000, %eax       # the hypervisor's CPUID leaf that names the hypercall-page MSR
        addl    $2, %eax
        movl    $stack, %esp
        movl    %esi, saved
        cpuid
        movl    %ebx, %ecx
        movl    $page, %eax
        xorl    %edx, %edx
        wrmsr
        movl    saved, %esi
        testl   %esi, %esi
        jz      idle
        movl    $names, %edi
        xorl    %edx, %edx
        movb    (%esi), %al
3:      cmpb    $0, (%edi)
        je      idle
        cmpb    (%edi), %al
        je      4f
        incl    %edi
        incl    %edx
        jmp     3b
4:      movl    %edx, reason
        movl    $sched_shutdown, %ebx
        movl    $reason, %ecx
        movl    $page + 32 * hypercall_sched_op, %eax
        call    *%eax
idle:   sti
        hlt
        jmp     idle

        .data
hello:  .asciz  "pvh guest runs\n"
names:  .asciz  "prsc"                  # in the order of SHUTDOWN_poweroff, _reboot, _suspend, _crash
        .balign 4
reason: .long   0
saved:  .long   0

        .bss
        .balign 4096
page:   .skip   4096
        .skip   1024
stack:
