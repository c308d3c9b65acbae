/* huge-elf FROM TO: a copy of an ELF file whose first segment to load says that it takes half of all memory that there can be. */
#include <elf.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "check.h"

static char file[256 << 20];
static size_t size;

/* For files of so many bits. */
#define LIE(bits) \
    do { \
        Elf##bits##_Ehdr *header = (Elf##bits##_Ehdr *)file; \
        Elf##bits##_Phdr *segment = (Elf##bits##_Phdr *)(file + header->e_phoff), *end = segment + header->e_phnum; \
        CHECK(header->e_phoff + header->e_phnum * sizeof *segment <= size); \
        while (segment < end && segment->p_type != PT_LOAD) \
            segment++; \
        CHECK(segment < end); \
        segment->p_memsz = INT##bits##_MAX; \
    } while (0)

int main(int argc, char **argv)
{
    CHECK(argc == 3);
    FILE *from = fopen(argv[1], "r"), *to = fopen(argv[2], "w");
    CHECK(from && to);
    size = fread(file, 1, sizeof file, from);
    CHECK(size > sizeof(Elf64_Ehdr) && size < sizeof file && !memcmp(file, ELFMAG, SELFMAG));
    if (file[EI_CLASS] == ELFCLASS64)
        LIE(64);
    else
        LIE(32);
    CHECK(fwrite(file, 1, size, to) == size && fclose(to) == 0);
    return 0;
}
