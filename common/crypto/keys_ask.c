/* keys_ask.c -- see keys_ask.h. */
#include "common/crypto/keys_ask.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <termios.h>

#include "common/base/buffer.h"
#include "common/sys/file.h"

enum { SHEET_MAX = 16384 }; /* a sheet with much written around it */

static enum rc
read_all(int fd, bool one_line, struct buffer *out, struct error *e)
{
    for (;;) {
        TRY(buffer_reserve(out, 256, e));
        ssize_t got = read(fd, out->data + out->len, 256);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return error_errno(e, "read the recovery key");
        out->len += (size_t)got;
        if (got == 0 || (one_line && out->data[out->len - 1] == '\n'))
            return RC_OK;
    }
}

/* The prompt goes to the standard error: the standard output may be a file that is restored. */
static enum rc
ask_terminal(struct buffer *out, struct error *e)
{
    struct termios before, quiet;
    (void)fprintf(stderr, "Key from the recovery sheet (KFR1-...; not shown): ");
    (void)fflush(stderr);
    if (tcgetattr(STDIN_FILENO, &before) != 0)
        return error_errno(e, "terminal");
    quiet = before;
    quiet.c_lflag &= ~(tcflag_t)ECHO;
    if (tcsetattr(STDIN_FILENO, TCSAFLUSH, &quiet) != 0)
        return error_errno(e, "turn off the terminal's echo");
    enum rc rc = read_all(STDIN_FILENO, true, out, e);
    (void)tcsetattr(STDIN_FILENO, TCSAFLUSH, &before);
    (void)fprintf(stderr, "\n");
    return rc;
}

/* First all that follows the prefix, for a key that was typed over several lines; then its line only. */
static enum rc
parse(struct buffer *text, struct keys_private **out, struct error *e)
{
    struct error whole = ERROR_INIT;
    TRY(buffer_append(text, span_of("", 1), e));
    char *key = strcasestr((char *)text->data, "KFR1");
    char *start = key != NULL ? key : (char *)text->data;
    enum rc rc = keys_from_paper(start, out, &whole);
    size_t line = strcspn(start, "\n");
    if (rc == RC_OK || strspn(start + line, " \t\r\n") == strlen(start + line)) {
        *e = whole;
        return rc;
    }
    start[line] = '\0';
    return keys_from_paper(start, out, e);
}

static enum rc
gather(const char *path, struct buffer *text, struct error *e)
{
    if (path != NULL)
        return file_read_private("recovery key", path, text, e);
    if (isatty(STDIN_FILENO) == 1)
        return ask_terminal(text, e);
    return read_all(STDIN_FILENO, false, text, e);
}

enum rc
keys_ask(const char *path, struct keys_private **out, struct error *e)
{
    struct buffer text = BUFFER_INIT(SHEET_MAX);
    enum rc rc = buffer_reserve(&text, SHEET_MAX - 1, e); /* at once: no copy is left behind */
    if (rc == RC_OK)
        rc = gather(path, &text, e);
    if (rc == RC_OK && text.len == 0)
        rc = error_set(e, RC_INVALID,
                       "no key was given: type it in, pipe it in, or name a file with --key-file");
    if (rc == RC_OK)
        rc = parse(&text, out, e);
    if (text.data != NULL)
        keys_wipe(text.data, text.capacity);
    buffer_free(&text);
    return rc;
}
