/* mailbox.c -- a locked list.  See mailbox.h. */
#include "controller/fleet/mailbox.h"

#include <pthread.h>
#include <stdbool.h>

struct item {
    struct item *next;
    mailbox_work *work;
    void *ctx;
    bool *done; /* of a waiting caller; NULL when posted */
};

struct mailbox {
    pthread_mutex_t lock;
    pthread_cond_t ran;
    struct item *first, **last;
    void (*wake)(void *ctx);
    void *wake_ctx;
    unsigned callers;
    bool closed;
};

enum rc
mailbox_new(void (*wake)(void *ctx), void *wake_ctx, struct mailbox **out, struct error *e)
{
    struct mailbox *m = calloc(1, sizeof *m);
    if (m == NULL)
        return error_set(e, RC_NO_MEMORY, "mailbox");
    (void)pthread_mutex_init(&m->lock, NULL); /* cannot fail with default attributes on Linux */
    (void)pthread_cond_init(&m->ran, NULL);
    m->last = &m->first;
    m->wake = wake;
    m->wake_ctx = wake_ctx;
    *out = m;
    return RC_OK;
}

void
mailbox_free(struct mailbox *m)
{
    if (m == NULL)
        return;
    mailbox_close(m);
    (void)pthread_mutex_lock(&m->lock);
    while (m->callers > 0)
        (void)pthread_cond_wait(&m->ran, &m->lock);
    (void)pthread_mutex_unlock(&m->lock);
    (void)pthread_cond_destroy(&m->ran);
    (void)pthread_mutex_destroy(&m->lock);
    free(m);
}

/* With the lock held. */
static enum rc
add(struct mailbox *m, mailbox_work *work, void *ctx, bool *done, struct error *e)
{
    if (m->closed)
        return error_set(e, RC_CANCELLED, "the controller is stopping");
    struct item *item = calloc(1, sizeof *item);
    if (item == NULL)
        return error_set(e, RC_NO_MEMORY, "work for the loop");
    *item = (struct item){.work = work, .ctx = ctx, .done = done};
    *m->last = item;
    m->last = &item->next;
    return RC_OK;
}

enum rc
mailbox_post(struct mailbox *m, mailbox_work *work, void *ctx, struct error *e)
{
    (void)pthread_mutex_lock(&m->lock);
    enum rc rc = add(m, work, ctx, NULL, e);
    (void)pthread_mutex_unlock(&m->lock);
    if (rc == RC_OK)
        m->wake(m->wake_ctx);
    return rc;
}

enum rc
mailbox_call(struct mailbox *m, mailbox_work *work, void *ctx, struct error *e)
{
    bool done = false;
    (void)pthread_mutex_lock(&m->lock);
    enum rc rc = add(m, work, ctx, &done, e);
    if (rc == RC_OK) {
        m->callers++;
        m->wake(m->wake_ctx);
        while (!done && !m->closed)
            (void)pthread_cond_wait(&m->ran, &m->lock);
        m->callers--;
        if (!done)
            rc = error_set(e, RC_CANCELLED, "the controller is stopping");
        (void)pthread_cond_broadcast(&m->ran);
    }
    (void)pthread_mutex_unlock(&m->lock);
    return rc;
}

void
mailbox_run(struct mailbox *m)
{
    (void)pthread_mutex_lock(&m->lock);
    while (m->first != NULL && !m->closed) {
        struct item *item = m->first;
        m->first = item->next;
        if (m->first == NULL)
            m->last = &m->first;
        (void)pthread_mutex_unlock(&m->lock);
        item->work(item->ctx);
        (void)pthread_mutex_lock(&m->lock);
        if (item->done != NULL)
            *item->done = true;
        (void)pthread_cond_broadcast(&m->ran);
        free(item);
    }
    (void)pthread_mutex_unlock(&m->lock);
}

void
mailbox_close(struct mailbox *m)
{
    (void)pthread_mutex_lock(&m->lock);
    m->closed = true;
    while (m->first != NULL) {
        struct item *item = m->first;
        m->first = item->next;
        free(item);
    }
    m->last = &m->first;
    (void)pthread_cond_broadcast(&m->ran);
    (void)pthread_mutex_unlock(&m->lock);
}
