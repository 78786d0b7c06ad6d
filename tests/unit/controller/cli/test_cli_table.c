/* test_cli_table.c -- paragraphs, bars and modes, as they are read. */
#include "tests/support/check.h"

#include <fcntl.h>
#include <sys/ioctl.h>
#include <termios.h>

#include "controller/cli/cli.h"
#include "controller/cli/cli_full.h"
#include "controller/cli/cli_progress.h"

static void
a_paragraph_is_indented_and_escaped_line_by_line(void **unused)
{
    (void)unused;
    char *text = NULL;
    size_t len;
    FILE *out = open_memstream(&text, &len);
    cli_paragraph(out, 2, "one\ntwo\033\n\nthree");
    cli_paragraph(out, 2, "");
    assert_int_equal(fclose(out), 0);
    assert_string_equal(text, "  one\n  two\\x1b\n  \n  three\n");
    free(text);
}

static void
modes_read_as_ls_writes_them(void **unused)
{
    (void)unused;
    char mode[11];
    assert_string_equal(cli_full_mode("file", 0644, mode), "-rw-r--r--");
    assert_string_equal(cli_full_mode("directory", 01777, mode), "drwxrwxrwt");
    assert_string_equal(cli_full_mode("file", 06711, mode), "-rws--s--x");
    assert_string_equal(cli_full_mode("file", 07000, mode), "---S--S--T");
    assert_string_equal(cli_full_mode("symlink", 0777, mode), "lrwxrwxrwx");
    assert_string_equal(cli_full_mode("ghost", 0, mode), "?---------");
}

static void
a_bar_never_leaves_its_frame(void **unused)
{
    (void)unused;
    char bar[CLI_PROGRESS_BAR];
    assert_string_equal(cli_progress_bar(5, 0, bar), "");
    assert_string_equal(cli_progress_bar(0, 9, bar), "[--------------------]   0 %");
    assert_string_equal(cli_progress_bar(1, 2, bar), "[##########----------]  50 %");
    assert_string_equal(cli_progress_bar(9, 9, bar), "[####################] 100 %");
    assert_string_equal(cli_progress_bar(UINT64_MAX, 9, bar), "[####################] 100 %");
}

static void
a_steady_rate_is_found_and_the_rest_is_estimated(void **unused)
{
    (void)unused;
    struct cli_rate r = {0};
    struct mono now = {CLOCK_NS_PER_SECOND};
    for (uint64_t i = 0; i < 50; i++, now = clock_after_ms(now, 500))
        cli_rate_update(&r, i * 500, now);
    assert_true(r.per_second > 999.0 && r.per_second < 1001.0);
    assert_int_equal(cli_rate_left(&r, r.value + 9500), 10);
    assert_int_equal(cli_rate_left(&r, 0), 0);
}

static void
progress_in_a_pipe_is_notes_only(void **unused)
{
    (void)unused;
    struct cli_progress p;
    char *text = NULL;
    FILE *file = tmpfile();
    cli_progress_begin(&p, file);
    cli_progress_line(&p, "a picture");
    cli_progress_show(&p);
    cli_progress_note(&p, "a note with %s", "\033");
    cli_progress_end(&p);
    rewind(file);
    size_t room = 0;
    assert_true(getdelim(&text, &room, '\0', file) > 0);
    assert_string_equal(text, "a note with \\x1b\n");
    free(text);
    assert_int_equal(fclose(file), 0);
}

/* A terminal of 20 columns; what was written to it, with line ends as they were sent. */
static FILE *
open_terminal(int *master)
{
    char name[64];
    const struct winsize size = {.ws_col = 20, .ws_row = 10};
    *master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
    assert_true(*master >= 0);
    assert_int_equal(grantpt(*master), 0);
    assert_int_equal(unlockpt(*master), 0);
    assert_int_equal(ptsname_r(*master, name, sizeof name), 0);
    int slave = open(name, O_RDWR | O_NOCTTY | O_CLOEXEC);
    struct termios raw;
    assert_true(slave >= 0);
    assert_int_equal(ioctl(slave, TIOCSWINSZ, &size), 0);
    assert_int_equal(tcgetattr(slave, &raw), 0);
    cfmakeraw(&raw);
    assert_int_equal(tcsetattr(slave, TCSANOW, &raw), 0);
    return fdopen(slave, "w");
}

static void
progress_on_a_terminal_is_redrawn_in_place_and_fits_its_width(void **unused)
{
    (void)unused;
    struct cli_progress p;
    char text[512];
    int master;
    FILE *terminal = open_terminal(&master);
    cli_progress_begin(&p, terminal);
    cli_progress_line(&p, "one");
    cli_progress_line(&p, "%s", "m\xc3\xbcller and 0123456789\033");
    cli_progress_show(&p);
    cli_progress_line(&p, "again");
    cli_progress_show(&p);
    cli_progress_note(&p, "note");
    cli_progress_end(&p);
    static const char expected[] = "one\nm\xc3\xbcller and 01234567\n"
                                   "\033[2A\033[Jagain\n"
                                   "\033[1A\033[Jnote\n";
    for (size_t len = 0; len < sizeof expected - 1;) {
        ssize_t got = read(master, text + len, sizeof expected - 1 - len);
        assert_true(got > 0);
        len += (size_t)got;
    }
    assert_memory_equal(text, expected, sizeof expected - 1);
    assert_int_equal(fclose(terminal), 0);
    assert_int_equal(close(master), 0);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_paragraph_is_indented_and_escaped_line_by_line),
        cmocka_unit_test(modes_read_as_ls_writes_them),
        cmocka_unit_test(a_bar_never_leaves_its_frame),
        cmocka_unit_test(a_steady_rate_is_found_and_the_rest_is_estimated),
        cmocka_unit_test(progress_in_a_pipe_is_notes_only),
        cmocka_unit_test(progress_on_a_terminal_is_redrawn_in_place_and_fits_its_width),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
