/* log_text.c -- see log_text.h. */
#include "tests/support/log_text.h"

#include <assert.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static int memory = -1, real = -1;
static char text[1 << 20];

void
log_text_begin(void)
{
    memory = memfd_create("log", MFD_CLOEXEC);
    real = dup(STDERR_FILENO);
    assert(memory >= 0 && real >= 0);
    int appends = fcntl(memory, F_SETFL, O_APPEND); /* or threads overwrite each other's lines */
    assert(appends == 0);
    int moved = dup2(memory, STDERR_FILENO);
    assert(moved == STDERR_FILENO);
}

const char *
log_text(void)
{
    ssize_t len = pread(memory, text, sizeof text - 1, 0);
    assert(len >= 0);
    text[len] = '\0';
    return text;
}

void
log_text_end(void)
{
    const char *all = log_text();
    int moved = dup2(real, STDERR_FILENO);
    assert(moved == STDERR_FILENO);
    (void)fputs(all, stderr);
    (void)close(memory);
    (void)close(real);
    memory = real = -1;
}

static bool
has_line(const char *all, const char *first, const char *second)
{
    for (const char *line = all; *line != '\0';) {
        const char *end = strchrnul(line, '\n');
        size_t len = (size_t)(end - line);
        if (memmem(line, len, first, strlen(first)) != NULL &&
            memmem(line, len, second, strlen(second)) != NULL)
            return true;
        line = *end == '\0' ? end : end + 1;
    }
    return false;
}

bool
log_text_wait(const char *first, const char *second)
{
    for (int tries = 0; tries < 500; tries++) {
        if (has_line(log_text(), first, second))
            return true;
        (void)poll(NULL, 0, 10); /* a log has no event to wait for */
    }
    return false;
}
