/* random_tree.c -- see random_tree.h. */
#include "tests/trust/controller/random_tree.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/un.h>
#include <sys/xattr.h>

#include "common/base/own.h"
#include "common/sys/file.h"
#include "tests/support/check.h"

enum {
    NAME = 256,
    DEPTH = 4,
    MANY = 200, /* entries of a large directory */
    LONG = 600 * 1024,
    LINKS = 8,
    ENTRIES = 512, /* that a change can choose among */
};

/* ---- names and bytes */

static void
random_name(struct campaign *c, char out[static NAME])
{
    static const char *const odd[] = {
        "\n",
        "a\nb",
        "\xff\xfe",
        "-rf",
        ".hidden",
        "...",
        " ",
        "*",
        "a\tb",
        "\x1b[31m",
        "\xe2\x80\xae",
        "\\",
        "\xc3\xa4\xc3\xb6",
        "'\"`$(x)",
        "name.tmp",
        "cyrus.",
        "%s%n",
        "--",
    };
    size_t len = 1 + campaign_below(c, 12);
    switch (campaign_below(c, 8)) {
    case 0:
        (void)snprintf(out, NAME, "%s", odd[campaign_below(c, sizeof odd / sizeof *odd)]);
        return;
    case 1:
        len = NAME - 1 - campaign_below(c, 3);
        break;
    case 2:
        for (size_t i = 0; i < len; i++) { /* any byte but NUL and '/' */
            out[i] = (char)(1 + campaign_below(c, 255));
            out[i] = out[i] == '/' || (out[i] == '.' && i < 2) ? 'x' : out[i];
        }
        out[len] = '\0';
        return;
    default:
        break;
    }
    for (size_t i = 0; i < len; i++)
        out[i] = (char)('a' + campaign_below(c, 26));
    out[len] = '\0';
}

/* At an offset, behind a hole or over what is there. */
static void
write_noise(struct campaign *c, int fd, off_t at, size_t len)
{
    static uint8_t bytes[LONG];
    uint64_t seed = campaign_random(c);
    unsigned shift = (unsigned)campaign_below(c, 2) * 5; /* half of them compress */
    for (size_t i = 0; i < len; i++) {
        seed = seed * UINT64_C(6364136223846793005) + 1442695040888963407U;
        bytes[i] = (uint8_t)(seed >> (56 + shift));
    }
    assert_int_equal(pwrite(fd, bytes, len, at), (ssize_t)len);
}

static void
fill_file(struct campaign *c, int fd)
{
    switch (campaign_below(c, 10)) {
    case 0: /* empty */
        return;
    case 1: /* sparse, with an island, or without */
        if (campaign_below(c, 3) > 0)
            write_noise(c, fd, (off_t)(4096 * campaign_below(c, 300)), 1 + campaign_below(c, 9000));
        assert_int_equal(ftruncate(fd, (off_t)(1500000 + campaign_below(c, 500000))), 0);
        return;
    case 2:
        if (campaign_below(c, 4) == 0) {
            write_noise(c, fd, 0, LONG / 2 + campaign_below(c, LONG / 2));
            return;
        }
        break;
    default:
        break;
    }
    write_noise(c, fd, 0, 1 + campaign_below(c, 6000));
}

/* ---- what an item has beside its content */

/* user::rwx, user:N:r--, group::r-x, mask::rwx, other::---, as the kernel wants it. */
static void
set_acl(struct campaign *c, int fd, const char *name)
{
    const uint16_t tags[] = {1, 2, 4, 0x10, 0x20}, permissions[] = {7, 4, 5, 7, 0};
    uint8_t value[4 + 5 * 8] = {2};
    for (size_t i = 0; i < 5; i++) {
        uint8_t *entry = value + 4 + 8 * i;
        uint32_t id = tags[i] == 2 ? (uint32_t)(1000 + campaign_below(c, 9)) : UINT32_MAX;
        entry[0] = (uint8_t)tags[i];
        entry[2] = (uint8_t)permissions[i];
        memcpy(entry + 4, &id, sizeof id);
    }
    if (fsetxattr(fd, name, value, sizeof value, 0) != 0)
        assert_int_equal(errno, EOPNOTSUPP);
}

static void
set_attributes(struct campaign *c, int fd, bool directory)
{
    uint8_t value[900];
    size_t len = campaign_below(c, sizeof value);
    memset(value, (int)campaign_below(c, 256), sizeof value);
    if (campaign_below(c, 3) == 0 && fsetxattr(fd, "user.note", value, len, 0) != 0)
        assert_int_equal(errno, EOPNOTSUPP);
    if (campaign_below(c, 6) == 0 && fsetxattr(fd, "trusted.x", value, len / 2, 0) != 0)
        assert_true(errno == EOPNOTSUPP || errno == EPERM);
    if (campaign_below(c, 6) == 0)
        set_acl(c, fd, "system.posix_acl_access");
    if (directory && campaign_below(c, 6) == 0)
        set_acl(c, fd, "system.posix_acl_default");
}

static void
set_times(struct campaign *c, int dirfd, const char *name)
{
    struct timespec times[2] = {{.tv_nsec = UTIME_OMIT}, {.tv_nsec = UTIME_NOW}};
    if (campaign_below(c, 3) == 0)
        return;
    times[1].tv_sec = (time_t)campaign_below(c, UINT64_C(4000000000)) - 1000000000;
    times[1].tv_nsec = (long)campaign_below(c, 1000000000);
    assert_int_equal(utimensat(dirfd, name, times, AT_SYMLINK_NOFOLLOW), 0);
}

static void
set_owner(struct campaign *c, int dirfd, const char *name)
{
    if (campaign_below(c, 3) == 0)
        assert_int_equal(fchownat(dirfd, name, (uid_t)campaign_below(c, 70000),
                                  (gid_t)campaign_below(c, 70000), AT_SYMLINK_NOFOLLOW),
                         0);
}

/* ---- items */

static void
make_link(struct campaign *c, int dirfd, const char *name)
{
    static const char *const targets[] = {"/etc/passwd", "../../..", "nowhere",
                                          ".",           "\n",       "a/b/\xff"};
    assert_int_equal(
        symlinkat(targets[campaign_below(c, sizeof targets / sizeof *targets)], dirfd, name), 0);
}

static void
make_socket(int dirfd, const char *name)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    CLEANUP(own_closep) int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    (void)snprintf(address.sun_path, sizeof address.sun_path, "/proc/self/fd/%d/%.60s", dirfd,
                   name);
    assert_true(fd >= 0);
    (void)!bind(fd, (const struct sockaddr *)&address,
                sizeof address); /* one more oddity, or none */
}

static void
make_special(struct campaign *c, int dirfd, const char *name)
{
    switch (campaign_below(c, 4)) {
    case 0:
        assert_int_equal(mkfifoat(dirfd, name, 0600), 0);
        return;
    case 1:
        make_socket(dirfd, name);
        return;
    default:
        if (mknodat(dirfd, name, campaign_below(c, 2) == 0 ? S_IFCHR | 0600 : S_IFBLK | 0600,
                    makedev((unsigned)campaign_below(c, 200), (unsigned)campaign_below(c, 200))) !=
            0)
            assert_int_equal(errno, EPERM);
        return;
    }
}

static void
make_file(struct campaign *c, int dirfd, const char *name)
{
    CLEANUP(own_closep)
    int fd = openat(dirfd, name, O_CREAT | O_EXCL | O_RDWR | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    fill_file(c, fd);
    set_owner(c, dirfd, name);
    set_attributes(c, fd, false);
    assert_int_equal(fchmod(fd, (mode_t)campaign_below(c, 010000)), 0);
    set_times(c, dirfd, name);
    if (campaign_below(c, 6) == 0) {
        char second[NAME];
        random_name(c, second);
        (void)!linkat(dirfd, name, dirfd, second, 0); /* unless it is there */
    }
}

static void fill_directory(struct campaign *c, int dirfd, unsigned depth, uint64_t count);

static void
make_directory(struct campaign *c, int dirfd, const char *name, unsigned depth)
{
    assert_int_equal(mkdirat(dirfd, name, 0700), 0);
    CLEANUP(own_closep) int fd = openat(dirfd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    bool large = campaign_below(c, 60) == 0;
    fill_directory(c, fd, depth + 1, large ? MANY : campaign_below(c, 8));
    set_owner(c, dirfd, name);
    set_attributes(c, fd, true);
    assert_int_equal(fchmod(fd, (mode_t)campaign_below(c, 010000)), 0);
    set_times(c, dirfd, name);
}

static void
make_item(struct campaign *c, int dirfd, unsigned depth)
{
    char name[NAME];
    struct stat about;
    random_name(c, name);
    if (fstatat(dirfd, name, &about, AT_SYMLINK_NOFOLLOW) == 0)
        return;
    uint64_t what = campaign_below(c, 12);
    if (what < 2 && depth < DEPTH) {
        make_directory(c, dirfd, name, depth);
    } else if (what == 2) {
        make_link(c, dirfd, name);
        set_owner(c, dirfd, name);
        set_times(c, dirfd, name);
    } else if (what == 3) {
        make_special(c, dirfd, name);
    } else {
        make_file(c, dirfd, name);
    }
}

static void
fill_directory(struct campaign *c, int dirfd, unsigned depth, uint64_t count)
{
    for (uint64_t i = 0; i < count; i++)
        make_item(c, dirfd, depth);
}

void
random_tree_make(int dirfd, struct campaign *c)
{
    fill_directory(c, dirfd, 0, campaign_below(c, 25));
}

/* ---- changes */

struct names {
    char at[ENTRIES][NAME];
    size_t count;
};

static enum rc
note_name(void *ctx, const char *name, struct error *e)
{
    struct names *names = ctx;
    (void)e;
    if (names->count < ENTRIES)
        (void)snprintf(names->at[names->count++], NAME, "%s", name);
    return RC_OK;
}

static void
edit(struct campaign *c, int dirfd, const char *name)
{
    struct stat about;
    if (fstatat(dirfd, name, &about, AT_SYMLINK_NOFOLLOW) != 0 || !S_ISREG(about.st_mode))
        return;
    CLEANUP(own_closep) int fd = openat(dirfd, name, O_RDWR | O_NOFOLLOW | O_CLOEXEC);
    assert_true(fd >= 0);
    off_t at = about.st_size == 0 ? 0 : (off_t)campaign_below(c, (uint64_t)about.st_size + 1);
    if (campaign_below(c, 3) == 0)
        assert_int_equal(ftruncate(fd, at), 0);
    else
        write_noise(c, fd, at, 1 + campaign_below(c, 3000));
}

static void
change_one(struct campaign *c, int dirfd, const char *name)
{
    struct error e = ERROR_INIT;
    char other[NAME];
    switch (campaign_below(c, 7)) {
    case 0:
    case 1:
        edit(c, dirfd, name);
        return;
    case 2:
        random_name(c, other);
        (void)!renameat2(dirfd, name, dirfd, other, RENAME_NOREPLACE);
        return;
    case 3:
        CHECK_OK(file_remove_tree(dirfd, name, &e), &e);
        return;
    case 4: /* touched, and nothing else */
        set_times(c, dirfd, name);
        return;
    case 5:
        set_owner(c, dirfd, name);
        return;
    default:
        make_item(c, dirfd, DEPTH - 1);
        return;
    }
}

/* In the directory or in one of those below. */
void
random_tree_change(int dirfd, struct campaign *c)
{
    static struct names names;
    struct error e = ERROR_INIT;
    struct stat about;
    names.count = 0;
    CHECK_OK(file_list(dirfd, ".", note_name, &names, &e), &e);
    if (names.count == 0) {
        make_item(c, dirfd, 0);
        return;
    }
    const char *name = names.at[campaign_below(c, names.count)];
    if (fstatat(dirfd, name, &about, AT_SYMLINK_NOFOLLOW) == 0 && S_ISDIR(about.st_mode) &&
        campaign_below(c, 3) > 0) {
        CLEANUP(own_closep) int fd = openat(dirfd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        assert_true(fd >= 0);
        random_tree_change(fd, c);
        return;
    }
    change_one(c, dirfd, name);
}
