/*
 * A viewer without a window, on libvncclient: looks at a screen by VNC, types into it, keeps a picture.
 *
 * vnc HOST:PORT [password P] [font ROM] ACTION...
 *
 *   await SECONDS TEXT   until the screen, in a text mode whose glyphs are ROM's, shows TEXT; prints all of it when it does not
 *   type TEXT            presses and releases a key for each character
 *   show                 prints the text on the screen
 *   picture FILE.png     the screen as it is
 *   stay SECONDS         looks on, and fails when the server ends the connection
 *   refused              the server must refuse the password
 */
#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <png.h>
#include <rfb/rfbclient.h>

#define GLYPH_LINES 16
#define COLUMNS 200
#define ROWS 100

static unsigned char font[256][GLYPH_LINES];
static const char *host, *password;
static int port;
static rfbClient *client;
static char text[ROWS][COLUMNS + 1];

static void fail(const char *what, const char *about)
{
    fprintf(stderr, "FAILED: %s%s%s\n", what, about ? " " : "", about ? about : "");
    exit(1);
}

static double now(void)
{
    struct timespec at;
    clock_gettime(CLOCK_MONOTONIC, &at);
    return at.tv_sec + at.tv_nsec / 1e9;
}

static char *known_password(rfbClient *unused)
{
    (void)unused;
    return strdup(password ? password : "");
}

/* The font of 16 lines in a video BIOS, by its letter A. */
static void read_font(const char *name)
{
    static const unsigned char a[GLYPH_LINES] = {0, 0, 0x10, 0x38, 0x6c, 0xc6, 0xc6, 0xfe, 0xc6, 0xc6, 0xc6, 0xc6};
    static unsigned char rom[1 << 18];
    FILE *file = fopen(name, "r");
    if (!file)
        fail("cannot open", name);
    size_t length = fread(rom, 1, sizeof rom, file);
    fclose(file);
    unsigned char *found = memmem(rom, length, a, sizeof a);
    if (!found || (size_t)(found - rom) < 'A' * sizeof a || found - rom + (255 - 'A') * sizeof a > length)
        fail("there is no font in", name);
    memcpy(font, found - 'A' * sizeof a, sizeof font);
}

static uint32_t pixel(int x, int y)
{
    return ((uint32_t *)client->frameBuffer)[y * client->width + x] & 0xffffff;
}

/* The character whose glyph stands in a cell, in any colour on any other: a line's pixels that differ from the cell's corner. */
static char character(int x, int y)
{
    unsigned char lines[GLYPH_LINES], inverse[GLYPH_LINES];
    uint32_t ground = pixel(x, y);
    for (int line = 0; line < GLYPH_LINES; line++) {
        lines[line] = 0;
        for (int bit = 0; bit < 8; bit++)
            lines[line] |= (pixel(x + bit, y + line) != ground) << (7 - bit);
        inverse[line] = ~lines[line];
    }
    for (int code = ' '; code < 127; code++)
        if (!memcmp(font[code], lines, GLYPH_LINES) || !memcmp(font[code], inverse, GLYPH_LINES))
            return code;
    return ' ';
}

/* The screen as text: cells of 9 or 8 pixels, of which the ninth is empty. */
static void read_text(void)
{
    int cell = client->width % 720 == 0 ? 9 : 8;
    int columns = client->width / cell, rows = client->height / GLYPH_LINES;
    memset(text, 0, sizeof text);
    for (int row = 0; row < rows && row < ROWS; row++)
        for (int column = 0; column < columns && column < COLUMNS; column++)
            text[row][column] = character(column * cell, row * GLYPH_LINES);
}

static void print_text(FILE *to)
{
    for (int row = 0; row < ROWS; row++) {
        size_t length = strlen(text[row]);
        while (length > 0 && text[row][length - 1] == ' ')
            text[row][--length] = 0;
        if (length > 0)
            fprintf(to, "%s\n", text[row]);
    }
}

static int connected(void)
{
    client = rfbGetClient(8, 3, 4);
    if (!client)
        fail("no memory", NULL);
    client->serverHost = strdup(host);
    client->serverPort = port;
    client->GetPassword = known_password;
    client->canHandleNewFBSize = TRUE;
    return rfbInitClient(client, NULL, NULL);
}

/*
 * Takes what the server sends for at most that long; 0 when nothing came. libvncclient does not understand how QEMU tells another
 * size of the screen, and gives up; it learns it by a new connection.
 */
static int look(double seconds)
{
    int ready = WaitForMessage(client, (unsigned)(seconds * 1e6));
    if (ready < 0 && errno != EINTR)
        fail("waiting for the server", strerror(errno));
    if (ready <= 0 || HandleRFBServerMessage(client))
        return ready > 0;
    int width = client->width, height = client->height;
    rfbClientCleanup(client);
    if (!connected() || (client->width == width && client->height == height))
        fail("the server ended the connection", NULL);
    return 1;
}

/* Until nothing more comes, or for two seconds: a cursor may blink for ever. */
static void settle(void)
{
    for (double end = now() + 2; now() < end && look(0.3);)
        ;
}

static void await(double seconds, const char *wanted)
{
    double end = now() + seconds;
    for (;;) {
        read_text();
        for (int row = 0; row < ROWS; row++)
            if (strstr(text[row], wanted))
                return;
        if (now() > end) {
            print_text(stderr);
            fail("the screen does not show", wanted);
        }
        look(0.2);
    }
}

static void type(const char *keys)
{
    for (; *keys; keys++) {
        uint32_t key = *keys == '\n' ? 0xff0d : (unsigned char)*keys;
        if (!SendKeyEvent(client, key, TRUE) || !SendKeyEvent(client, key, FALSE))
            fail("cannot send a key", NULL);
        look(0.1);
    }
}

static void picture(const char *name)
{
    size_t pixels = (size_t)client->width * client->height;
    unsigned char *rgb = malloc(pixels * 3);
    if (!rgb)
        fail("no memory", NULL);
    for (size_t at = 0; at < pixels; at++) {
        uint32_t value = ((uint32_t *)client->frameBuffer)[at];
        rgb[at * 3] = value >> client->format.redShift;
        rgb[at * 3 + 1] = value >> client->format.greenShift;
        rgb[at * 3 + 2] = value >> client->format.blueShift;
    }
    png_image image = {.version = PNG_IMAGE_VERSION, .width = client->width, .height = client->height, .format = PNG_FORMAT_RGB};
    if (!png_image_write_to_file(&image, name, 0, rgb, 0, NULL))
        fail("cannot write", name);
    free(rgb);
    printf("%s: %d x %d\n", name, client->width, client->height);
}

int main(int argc, char **argv)
{
    int at = 2;
    if (argc < 3)
        fail("usage: vnc HOST:PORT [password P] [font ROM] ACTION...", NULL);
    rfbEnableClientLogging = FALSE;
    char *colon = strrchr(argv[1], ':');
    if (!colon)
        fail("no HOST:PORT in", argv[1]);
    *colon = 0;
    host = argv[1];
    port = atoi(colon + 1);
    for (; at + 1 < argc; at += 2) {
        if (!strcmp(argv[at], "password"))
            password = argv[at + 1];
        else if (!strcmp(argv[at], "font"))
            read_font(argv[at + 1]);
        else
            break;
    }
    int welcome = connected();
    if (at < argc && !strcmp(argv[at], "refused")) {
        if (welcome)
            fail("the server takes the password", password);
        return 0;
    }
    if (!welcome)
        fail("no VNC server there, or it refuses the password", NULL);
    /* The first picture, whole. */
    SendFramebufferUpdateRequest(client, 0, 0, client->width, client->height, FALSE);
    for (double end = now() + 20; !look(0.5);)
        if (now() > end)
            fail("no picture within 20 s", NULL);
    for (; at < argc; at++) {
        const char *action = argv[at], *value = at + 1 < argc ? argv[at + 1] : "";
        if (!strcmp(action, "show")) {
            settle();
            read_text();
            print_text(stdout);
        } else if (!strcmp(action, "await") && at + 2 < argc) {
            await(atof(value), argv[at + 2]);
            at += 2;
        } else if (!strcmp(action, "type")) {
            type(value);
            at++;
        } else if (!strcmp(action, "picture")) {
            settle();
            picture(value);
            at++;
        } else if (!strcmp(action, "stay")) {
            for (double end = now() + atof(value); now() < end;)
                look(0.2);
            at++;
        } else {
            fail("no such action:", action);
        }
    }
    rfbClientCleanup(client);
    return 0;
}
