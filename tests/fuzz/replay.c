/* replay.c -- runs a fuzz target over saved inputs (files, or folders of files), so the corpus is a
 * test on any compiler. */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static unsigned replayed;

static int
replay_file(const char *path)
{
    static uint8_t bytes[1 << 20];
    FILE *input = fopen(path, "rbe");
    if (input == NULL) {
        perror(path);
        return EXIT_FAILURE;
    }
    size_t len = fread(bytes, 1, sizeof bytes, input);
    (void)fclose(input);
    /* An exact copy, so that the sanitizer sees a read past the end. */
    uint8_t *exact = malloc(len > 0 ? len : 1);
    if (exact == NULL)
        return EXIT_FAILURE;
    for (size_t i = 0; i < len; i++)
        exact[i] = bytes[i];
    (void)LLVMFuzzerTestOneInput(exact, len);
    free(exact);
    replayed++;
    return EXIT_SUCCESS;
}

static int
replay_folder(const char *path)
{
    struct dirent **names;
    int count = scandir(path, &names, NULL, alphasort);
    int status = count < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
    for (int i = 0; i < count; i++) {
        char name[4096];
        (void)snprintf(name, sizeof name, "%s/%s", path, names[i]->d_name);
        if (names[i]->d_name[0] != '.' && status == EXIT_SUCCESS)
            status = replay_file(name);
        free(names[i]);
    }
    if (count >= 0)
        free(names);
    return status;
}

int
main(int argc, char *argv[])
{
    for (int i = 1; i < argc; i++) {
        struct stat about;
        if (stat(argv[i], &about) != 0) {
            perror(argv[i]);
            return EXIT_FAILURE;
        }
        if ((S_ISDIR(about.st_mode) ? replay_folder(argv[i]) : replay_file(argv[i])) !=
            EXIT_SUCCESS)
            return EXIT_FAILURE;
    }
    (void)printf("%u inputs replayed\n", replayed);
    return replayed > 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
