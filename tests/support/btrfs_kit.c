/* btrfs_kit.c -- see btrfs_kit.h. */
#include "tests/support/btrfs_kit.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/loop.h>
#include <sched.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include "common/sys/file.h"
#include "common/sys/process.h"
#include "tests/support/check.h"

enum { IMAGE_SIZE = 256 * 1024 * 1024, TRIES = 100 };

static void
run(const char *const *argv)
{
    struct error e = ERROR_INIT;
    CHECK_OK(process_run(&(struct process_options){.argv = argv}, NULL, NULL, &e), &e);
}

static void
find_free(char *device, size_t size)
{
    CLEANUP(own_closep) int control = open("/dev/loop-control", O_RDWR | O_CLOEXEC);
    int number = ioctl(control, LOOP_CTL_GET_FREE);
    if (control < 0 || number < 0)
        fail_msg("no loop device: %s", strerror(errno));
    (void)snprintf(device, size, "/dev/loop%d", number);
}

/* The loop device goes when it is not open any more; somebody else may take a free one first. */
static int
configure(const char *image, char *device, size_t size)
{
    for (unsigned i = 0; i < TRIES; i++) {
        find_free(device, size);
        CLEANUP(own_closep) int backing = open(image, O_RDWR | O_CLOEXEC);
        int loop = open(device, O_RDWR | O_CLOEXEC);
        struct loop_config config = {.fd = (unsigned)backing, .info.lo_flags = LO_FLAGS_AUTOCLEAR};
        if (loop >= 0 && ioctl(loop, LOOP_CONFIGURE, &config) == 0)
            return loop;
        own_closep(&loop);
    }
    fail_msg("no loop device: %s", strerror(errno));
    return -1;
}

static void
make_image(const char *image)
{
    CLEANUP(own_closep) int fd = open(image, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(ftruncate(fd, IMAGE_SIZE), 0);
    run((const char *[]){"/usr/sbin/mkfs.btrfs", "-q", "-m", "single", image, NULL});
}

struct btrfs_kit *
btrfs_kit_new(void)
{
    struct btrfs_kit *kit = calloc(1, sizeof *kit);
    char image[BTRFS_KIT_PATH + 16];
    assert_non_null(kit);
    const char *temporary = getenv("TMPDIR");
    (void)snprintf(kit->directory, sizeof kit->directory, "%s/koffer-btrfs-XXXXXX",
                   temporary != NULL ? temporary : "/tmp");
    assert_non_null(mkdtemp(kit->directory));
    (void)snprintf(kit->mount, sizeof kit->mount, "%s/mnt", kit->directory);
    (void)snprintf(kit->state, sizeof kit->state, "%s/state", kit->directory);
    (void)snprintf(kit->again, sizeof kit->again, "%s/again", kit->directory);
    (void)snprintf(image, sizeof image, "%s/image", kit->directory);
    assert_int_equal(mkdir(kit->mount, 0755), 0);
    assert_int_equal(mkdir(kit->state, 0700), 0);
    assert_int_equal(mkdir(kit->again, 0755), 0);
    make_image(image);
    if (unshare(CLONE_NEWNS) != 0 || mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0)
        fail_msg("a mount namespace of its own needs root: %s", strerror(errno));
    CLEANUP(own_closep) int loop = configure(image, kit->device, sizeof kit->device);
    assert_true(loop >= 0);
    assert_int_equal(mount(kit->device, kit->mount, "btrfs", 0, ""), 0);
    return kit;
}

void
btrfs_kit_free(struct btrfs_kit *kit)
{
    struct error e = ERROR_INIT;
    if (kit == NULL)
        return;
    while (umount2(kit->mount, MNT_DETACH) == 0 || umount2(kit->again, MNT_DETACH) == 0)
        continue;
    CHECK_OK(file_remove_tree(AT_FDCWD, kit->directory, &e), &e);
    free(kit);
}

void
btrfs_kit_subvolume(const struct btrfs_kit *kit, const char *name)
{
    char path[256];
    (void)snprintf(path, sizeof path, "%s/%s", kit->mount, name);
    run((const char *[]){"/usr/bin/btrfs", "-q", "subvolume", "create", path, NULL});
}

void
btrfs_kit_write(const struct btrfs_kit *kit, const char *name, const char *text)
{
    char path[256];
    (void)snprintf(path, sizeof path, "%s/%s", kit->mount, name);
    CLEANUP(own_closep) int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
}

void
btrfs_kit_bind(const struct btrfs_kit *kit, const char *name)
{
    char path[256];
    (void)snprintf(path, sizeof path, "%s/%s", kit->mount, name);
    assert_int_equal(mount(path, kit->again, NULL, MS_BIND, NULL), 0);
}

static enum rc
count_one(void *ctx, const char *name, struct error *e)
{
    (void)name;
    (void)e;
    ++*(int *)ctx;
    return RC_OK;
}

int
btrfs_kit_count_snapshots(const struct btrfs_kit *kit)
{
    char path[256];
    struct error e = ERROR_INIT;
    int count = 0;
    (void)snprintf(path, sizeof path, "%s/.koffer", kit->mount);
    if (access(path, F_OK) != 0)
        return -1;
    CHECK_OK(file_list(AT_FDCWD, path, count_one, &count, &e), &e);
    return count;
}
