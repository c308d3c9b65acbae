/*
 * What dom0 is like, in one process and without libxl. Starting programs is what an emulated machine is slowest at.
 *   look state        domains, processes, xenstore, loop devices, network, files: what a scenario must give back
 *   look nodes        each node of xenstore with the length of its value and permissions, for compat-tests/store-reader
 *   look domid NAME   the number of a domain by name or number, status 1 when there is none
 */
#define _GNU_SOURCE
#include <ctype.h>
#include <dirent.h>
#include <ftw.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <xenctrl.h>
#include <xenstore.h>

static char **lines;
static size_t count;

static void add(char *line)
{
    if (!(count & 1023) && !(lines = realloc(lines, (count + 1024) * sizeof(*lines))))
        abort();
    lines[count++] = line;
}

static int ascending(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* The lines so far, sorted, under a heading. */
static void print(const char *heading)
{
    printf("## %s\n", heading);
    if (count)
        qsort(lines, count, sizeof(*lines), ascending);
    for (size_t i = 0; i < count; i++) {
        puts(lines[i]);
        free(lines[i]);
    }
    count = 0;
}

static char *text(const char *format, ...)
{
    char *line;
    va_list arguments;
    va_start(arguments, format);
    if (vasprintf(&line, format, arguments) < 0)
        abort();
    va_end(arguments);
    return line;
}

/* Up to size - 1 bytes of a file of the kernel's; how many there were. */
static size_t slurp(const char *path, char *to, size_t size)
{
    FILE *file = fopen(path, "r");
    size_t got = file ? fread(to, 1, size - 1, file) : 0;
    if (file)
        fclose(file);
    to[got] = 0;
    return got;
}

/* For each entry of a directory whose name begins like that. */
static void each(const char *directory, const char *prefix, void (*visit)(const char *name))
{
    DIR *dir = opendir(directory);
    for (struct dirent *entry; dir && (entry = readdir(dir));)
        if (entry->d_name[0] != '.' && !strncmp(entry->d_name, prefix, strlen(prefix)))
            visit(entry->d_name);
    if (dir)
        closedir(dir);
}

static void process(const char *pid)
{
    static const char *const ours[] = { "bash /job/scenario.sh", "bash -c . /job/scenario.sh", "/bin/bash ./run" };
    char path[64], line[4096];
    if (!isdigit((unsigned char)pid[0]) || atoi(pid) == getpid())
        return;
    snprintf(path, sizeof(path), "/proc/%s/cmdline", pid);
    size_t length = slurp(path, line, sizeof(line));
    if (!length) /* the kernel's threads, and those that ended */
        return;
    for (size_t i = 0; i + 1 < length; i++)
        if (!line[i])
            line[i] = ' ';
    for (size_t i = 0; i < sizeof(ours) / sizeof(*ours); i++)
        if (!strncmp(line, ours[i], strlen(ours[i])))
            return;
    add(strdup(line));
}

static void loop(const char *name)
{
    char path[300], file[4096];
    snprintf(path, sizeof(path), "/sys/block/%s/loop/backing_file", name);
    if (slurp(path, file, sizeof(file)))
        add(text("%s %.*s", name, (int)strcspn(file, "\n"), file));
}

static void network(const char *name)
{
    add(strdup(name));
}

static int file(const char *path, const struct stat *status, int type, struct FTW *place)
{
    (void)status, (void)type;
    if (strcmp(path + place->base, "domid-history") && strcmp(path, "/run/xen-hotplug"))
        add(strdup(path));
    return 0;
}

static void permissions(FILE *out, const struct xs_permissions *perms, unsigned number)
{
    for (unsigned i = 0; i < number; i++)
        fprintf(out, "%c%c%u", i ? ',' : '(', "nrwb"[perms[i].perms & 3], perms[i].id);
    fputc(')', out);
}

/* A node's line: values as xenstore-ls prints them. What stays once it was made is left out. */
static void node_line(const char *path, const char *value, unsigned length, const struct xs_permissions *perms, unsigned number)
{
    char *line;
    size_t size;
    if (!strcmp(path, "/") || !strcmp(path, "/libxl") || !strcmp(path, "/vm") || !strncmp(path, "/local/domain/0/memory", 22))
        return;
    FILE *out = open_memstream(&line, &size);
    fprintf(out, "%s = \"", path);
    for (unsigned i = 0; i < length; i++) {
        unsigned char c = value[i];
        if (c >= ' ' && c < 0x7f && c != '\\')
            fputc(c, out);
        else
            fprintf(out, "\\%03o", c);
    }
    fputs("\"   ", out);
    permissions(out, perms, number);
    fclose(out);
    add(line);
}

/* A node and all below it: as lines of a state, or printed with the lengths of their values. */
static void node(struct xs_handle *xs, const char *path, int lengths)
{
    unsigned length, number;
    char *value = xs_read(xs, XBT_NULL, path, &length);
    struct xs_permissions *perms = xs_get_permissions(xs, XBT_NULL, path, &number);
    if (value && perms && lengths) {
        printf("%s %u ", path, length);
        permissions(stdout, perms, number);
        putchar('\n');
    } else if (value && perms) {
        node_line(path, value, length, perms, number);
    }
    char **children = value && perms ? xs_directory(xs, XBT_NULL, path, &number) : NULL;
    for (unsigned i = 0; children && i < number; i++) {
        char *child = text("%s/%s", path[1] ? path : "", children[i]);
        node(xs, child, lengths);
        free(child);
    }
    free(children);
    free(perms);
    free(value);
}

/* Every domain as "name number"; with a name or number given, whether it is there. */
static int domains(struct xs_handle *xs, const char *wanted)
{
    static xc_domaininfo_t info[1024];
    xc_interface *xch = xc_interface_open(NULL, NULL, 0);
    int number = xch ? xc_domain_getinfolist(xch, 0, 1024, info) : -1, found = 0;
    if (number < 0)
        exit(2);
    for (int i = 0; i < number; i++) {
        char path[64], id[16];
        snprintf(id, sizeof(id), "%u", (unsigned)info[i].domain);
        snprintf(path, sizeof(path), "/local/domain/%s/name", id);
        char *name = xs_read(xs, XBT_NULL, path, NULL);
        if (!wanted)
            add(text("%s %s", name ? name : "(null)", id));
        else if (!strcmp(wanted, id) || (name && !strcmp(wanted, name)))
            found = puts(id) >= 0;
        free(name);
    }
    xc_interface_close(xch);
    return found;
}

int main(int argc, char **argv)
{
    static const char *const places[] = { "/run/xen", "/run/xen-hotplug", "/run/lock", "/var/lib/xen", "/tmp" };
    struct xs_handle *xs = xs_open(0);
    if (!xs)
        return 2;
    if (argc == 3 && !strcmp(argv[1], "domid"))
        return !domains(xs, argv[2]);
    if (argc == 2 && !strcmp(argv[1], "nodes")) {
        node(xs, "/", 1);
        return 0;
    }
    if (argc != 2 || strcmp(argv[1], "state"))
        return 2;
    domains(xs, NULL);
    print("domains");
    each("/proc", "", process);
    print("processes");
    node(xs, "/", 0);
    print("xenstore");
    each("/sys/block", "loop", loop);
    print("loop devices");
    each("/sys/class/net", "", network);
    print("network");
    for (size_t i = 0; i < sizeof(places) / sizeof(*places); i++)
        nftw(places[i], file, 16, FTW_PHYS);
    print("files");
    each("/dev/shm", "", network);
    print("shared memory");
    return 0;
}
