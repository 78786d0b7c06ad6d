/* test_vault_lock.c -- who writes is named, and a holder that our lock may not see is believed where that can be. */
#include "tests/support/check.h"

#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "common/base/own.h"
#include "common/sys/file.h"
#include "controller/vault/vault_lock.h"
#include "tests/support/vault_kit.h"

struct world {
    char path[VAULT_KIT_PATH_SIZE];
    int dir;
};

static int
begin(void **state)
{
    static struct world w;
    struct error e = ERROR_INIT;
    vault_kit_fast_directory(w.path);
    CHECK_OK(file_open_directory(AT_FDCWD, w.path, &w.dir, &e), &e);
    *state = &w;
    return 0;
}

static int
end(void **state)
{
    struct world *w = *state;
    own_closep(&w->dir);
    vault_kit_remove(w->path);
    return 0;
}

static void
write_lock(struct world *w, const char *text)
{
    struct error e = ERROR_INIT;
    CHECK_OK(file_replace(w->dir, "lock", span_of(text, strlen(text)), 0600, &e), &e);
}

static void
the_second_is_told_the_process_and_host_of_the_first(void **state)
{
    struct world *w = *state;
    struct error e = ERROR_INIT;
    char us[64], host[64] = "";
    int first = -1, second = -1;

    CHECK_OK(vault_lock_take(w->dir, false, &first, &e), &e);
    CHECK_RC(vault_lock_take(w->dir, false, &second, &e), RC_AGAIN);
    assert_int_equal(gethostname(host, sizeof host - 1), 0);
    (void)snprintf(us, sizeof us, "process %ld on host", (long)getpid());
    assert_non_null(strstr(e.text, us));
    assert_non_null(strstr(e.text, host));
    vault_lock_release(&first);
    CHECK_OK(vault_lock_take(w->dir, true, &second, &e), &e);
    vault_lock_release(&second);
}

static void
who_lets_go_leaves_an_empty_file(void **state)
{
    struct world *w = *state;
    CLEANUP(buffer_free) struct buffer text = BUFFER_INIT(4096);
    struct error e = ERROR_INIT;
    int lock = -1;

    CHECK_OK(vault_lock_take(w->dir, false, &lock, &e), &e);
    CHECK_OK(file_read(w->dir, "lock", &text, &e), &e);
    assert_true(text.len > 0);
    vault_lock_release(&lock);
    assert_int_equal(lock, -1);
    CHECK_OK(file_read(w->dir, "lock", &text, &e), &e);
    assert_int_equal(text.len, 0);
}

static void
a_holder_on_another_host_counts_on_the_network_only(void **state)
{
    struct world *w = *state;
    struct error e = ERROR_INIT;
    int lock = -1;

    write_lock(w, "77\nbackup-elsewhere\n11111111-2222\n");
    CHECK_RC(vault_lock_take(w->dir, true, &lock, &e), RC_AGAIN);
    assert_non_null(strstr(e.text, "process 77 on host backup-elsewhere"));
    assert_non_null(strstr(e.text, "remove"));
    CHECK_OK(vault_lock_take(w->dir, false, &lock, &e),
             &e); /* the disk was moved: its lock is a lock */
    vault_lock_release(&lock);
}

static void
any_text_is_read(void **state)
{
    struct vault_lock_holder h;
    char longest[400];

    (void)state;
    vault_lock_parse("", &h);
    assert_string_equal(h.process, "");
    vault_lock_parse("12", &h); /* as it was written before hosts were noted */
    assert_string_equal(h.process, "12");
    assert_string_equal(h.host, "");
    memset(longest, 'x', sizeof longest);
    longest[sizeof longest - 1] = '\0';
    vault_lock_parse(longest, &h);
    assert_int_equal(strlen(h.process), VAULT_LOCK_WORD_SIZE - 1);
    vault_lock_parse("1\nh\nb\nmore\n", &h);
    assert_string_equal(h.boot, "b");
}

#define IN_A_WORLD(test) cmocka_unit_test_setup_teardown(test, begin, end)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        IN_A_WORLD(the_second_is_told_the_process_and_host_of_the_first),
        IN_A_WORLD(who_lets_go_leaves_an_empty_file),
        IN_A_WORLD(a_holder_on_another_host_counts_on_the_network_only),
        cmocka_unit_test(any_text_is_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
