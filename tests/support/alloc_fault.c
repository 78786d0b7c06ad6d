/* alloc_fault.c -- see alloc_fault.h. */
#include "tests/support/alloc_fault.h"

#include <errno.h>
#include <openssl/crypto.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static atomic_bool armed, fired, sticky;
static atomic_uint target, counts[ALLOC_FAULT_CLASSES_];
static atomic_int meant;

void
alloc_fault_arm(const struct alloc_fault_plan *plan)
{
    atomic_store(&target, plan->at);
    atomic_store(&meant, (int)plan->what);
    atomic_store(&sticky, plan->sticky);
    for (int i = 0; i < ALLOC_FAULT_CLASSES_; i++)
        atomic_store(&counts[i], 0);
    atomic_store(&fired, false);
    atomic_store(&armed, true);
}

void
alloc_fault_disarm(void)
{
    atomic_store(&armed, false);
}

bool
alloc_fault_fired(void)
{
    return atomic_load(&fired);
}

unsigned
alloc_fault_counted(enum alloc_fault_class what)
{
    return atomic_load(&counts[what]);
}

static bool
is_due(enum alloc_fault_class what)
{
    if (!atomic_load(&armed))
        return false;
    unsigned at = atomic_fetch_add(&counts[what], 1) + 1, want = atomic_load(&target);
    if (want == 0 || (int)what != atomic_load(&meant) ||
        !(at == want || (atomic_load(&sticky) && at > want)))
        return false;
    atomic_store(&fired, true);
    errno = ENOMEM;
    return true;
}

/* ---- ours: the linker sends every call of `name` in our objects to __wrap_name */

#define WRAPPED(type, name, parameters, ...)                                                       \
    type __real_##name parameters;                                                                 \
    type __wrap_##name parameters;                                                                 \
    type __wrap_##name parameters                                                                  \
    {                                                                                              \
        return is_due(ALLOC_FAULT_OURS) ? NULL : __real_##name(__VA_ARGS__);                       \
    }

WRAPPED(void *, malloc, (size_t size), size)
WRAPPED(void *, calloc, (size_t count, size_t size), count, size)
WRAPPED(void *, realloc, (void *old, size_t size), old, size)
WRAPPED(void *, reallocarray, (void *old, size_t count, size_t size), old, count, size)
WRAPPED(char *, strdup, (const char *text), text)
WRAPPED(char *, strndup, (const char *text, size_t len), text, len)

int __wrap_asprintf(char **out, const char *format, ...) __attribute__((format(printf, 2, 3)));
int
__wrap_asprintf(char **out, const char *format, ...)
{
    va_list args;
    if (is_due(ALLOC_FAULT_OURS))
        return -1;
    va_start(args, format);
    int len = vasprintf(out, format, args);
    va_end(args);
    return len;
}

int __real_pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*run)(void *),
                          void *arg);
int __wrap_pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*run)(void *),
                          void *arg);
int
__wrap_pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*run)(void *),
                      void *arg)
{
    return is_due(ALLOC_FAULT_OURS) ? EAGAIN : __real_pthread_create(thread, attributes, run, arg);
}

/* ---- OpenSSL's: it has a way of its own, for all of it */

static void *
openssl_malloc(size_t size, const char *file, int line)
{
    (void)file, (void)line;
    return is_due(ALLOC_FAULT_OPENSSL) ? NULL : __real_malloc(size);
}

static void *
openssl_realloc(void *old, size_t size, const char *file, int line)
{
    (void)file, (void)line;
    return is_due(ALLOC_FAULT_OPENSSL) ? NULL : __real_realloc(old, size);
}

static void
openssl_free(void *old, const char *file, int line)
{
    (void)file, (void)line;
    free(old);
}

void
alloc_fault_begin(void)
{
    if (CRYPTO_set_mem_functions(openssl_malloc, openssl_realloc, openssl_free) != 1)
        abort();
}
