/* SPDX-License-Identifier: MIT
 * Files that appear whole or not at all. */
#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <redux/file.h>
#include "io/io.h"
#include "support/test_io.h"

static int entries(const char *folder)
{
    int count = 0;
    DIR *stream = opendir(folder);
    ck_assert_ptr_nonnull(stream);
    for (const struct dirent *entry = readdir(stream); entry != NULL; entry = readdir(stream))
        count += strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0;
    closedir(stream);
    return count;
}

static void assert_content(const char *path, const char *want)
{
    size_t size;
    unsigned char *bytes = read_bytes(path, &size);
    ck_assert_uint_eq(size, strlen(want));
    ck_assert_mem_eq(bytes, want, size);
    free(bytes);
}

static const char *new_folder(const char *name)
{
    const char *folder = in_scratch(name);
    ck_assert_int_eq(mkdir(folder, 0755), 0);
    return folder;
}

START_TEST(commit_replaces)
{
    rdx_file file;
    const char *folder = new_folder("commit"), *path = text("%s/out.csv", folder);
    write_bytes(path, "old", 3);
    ck_assert_int_eq(chmod(path, 0640), 0);
    ck_assert_redux_ok(rdx_file_begin(&file, NULL, path, NULL));
    fprintf(file.stream, "new %d\n", 7);
    assert_content(path, "old");
    ck_assert_redux_ok(rdx_file_commit(&file));
    assert_content(path, "new 7\n");
    ck_assert_int_eq(entries(folder), 1);
    struct stat status;
    ck_assert_int_eq(stat(path, &status), 0);
    ck_assert_uint_eq(status.st_mode & 0777, 0640);
    rdx_file_abort(&file); /* harmless */
}
END_TEST

START_TEST(abort_leaves_the_old)
{
    rdx_file file;
    const char *folder = new_folder("abort"), *path = text("%s/out.csv", folder);
    write_bytes(path, "old", 3);
    ck_assert_redux_ok(rdx_file_begin(&file, NULL, path, NULL));
    for (int i = 0; i < 50000; i++)
        fprintf(file.stream, "line %d\n", i);
    rdx_file_abort(&file);
    rdx_file_abort(&file);
    assert_content(path, "old");
    ck_assert_int_eq(entries(folder), 1);
    ck_assert_redux(REDUX_E_INVALID, rdx_file_commit(&file));
}
END_TEST

START_TEST(full_disk)
{
    rdx_file file;
    if (access("/dev/full", W_OK) != 0)
        return;
    ck_assert_redux_ok(rdx_file_begin(&file, NULL, "/dev/full", NULL));
    fprintf(file.stream, "a line");
    ck_assert_redux(REDUX_E_IO, rdx_file_commit(&file));
    ck_assert_ptr_nonnull(strstr(redux_error_message(), "/dev/full"));
    ck_assert_ptr_nonnull(strstr(redux_error_message(), strerror(ENOSPC)));
    ck_assert_int_eq(access("/dev/full", W_OK), 0); /* and the device is still there */
    redux_tensor array;
    const int64_t shape[] = {100000};
    ck_assert_redux_ok(redux_tensor_new(&array, NULL, REDUX_FLOAT32, 1, shape));
    ck_assert_redux(REDUX_E_IO, redux_npy_write("/dev/full", NULL, &array));
    redux_tensor_release(&array);
}
END_TEST

/* A limit on file sizes stands for a disk that fills up in the middle: in a process of its own. */
START_TEST(disk_fills_up)
{
    const char *folder = new_folder("fills"), *path = text("%s/out", folder);
    write_bytes(path, "old", 3);
    const pid_t child = fork();
    ck_assert_int_ge(child, 0);
    if (child == 0) {
        const struct rlimit limit = {200000, 200000};
        rdx_file file;
        signal(SIGXFSZ, SIG_IGN);
        if (setrlimit(RLIMIT_FSIZE, &limit) != 0 ||
            rdx_file_begin(&file, NULL, path, NULL) != REDUX_OK)
            _exit(1);
        for (int i = 0; i < 100000; i++)
            fprintf(file.stream, "line %d\n", i);
        if (rdx_file_commit(&file) != REDUX_E_IO)
            _exit(2);
        _exit(strstr(redux_error_message(), strerror(EFBIG)) != NULL ? 0 : 3);
    }
    int status;
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert_int_eq(status, 0);
    assert_content(path, "old");
    ck_assert_int_eq(entries(folder), 1);
}
END_TEST

START_TEST(one_writer_at_a_time)
{
    rdx_file first, second;
    const char *folder = new_folder("writers"), *path = text("%s/out", folder);
    ck_assert_redux_ok(rdx_file_begin(&first, NULL, path, NULL));
    fprintf(first.stream, "first");
    ck_assert_redux(REDUX_E_IO, rdx_file_begin(&second, NULL, path, NULL));
    rdx_file_abort(&second);
    ck_assert_redux_ok(rdx_file_commit(&first));
    assert_content(path, "first");
    ck_assert_redux_ok(rdx_file_begin(&second, NULL, path, NULL));
    fprintf(second.stream, "2");
    ck_assert_redux_ok(rdx_file_commit(&second));
    assert_content(path, "2");
}
END_TEST

START_TEST(leftover_is_taken_over)
{
    rdx_file file;
    const char *folder = new_folder("leftover"), *path = text("%s/out", folder);
    write_bytes(text("%s/.out.0123456789abcdef.redux-tmp", folder), "much longer than the new", 24);
    write_bytes(text("%s/.out.lock.redux-tmp", folder), "0123456789abcdef", 16);
    ck_assert_redux_ok(rdx_file_begin(&file, NULL, path, NULL));
    fprintf(file.stream, "short");
    ck_assert_redux_ok(rdx_file_commit(&file));
    assert_content(path, "short");
    ck_assert_int_eq(entries(folder), 1);
}
END_TEST

START_TEST(names)
{
    rdx_file file;
    char name[300] = {0};
    const char *folder = new_folder("names");
    memset(name, 'n', 255); /* the longest that there is */
    const char *path = text("%s/%s", folder, name);
    ck_assert_redux_ok(rdx_file_begin(&file, NULL, path, NULL));
    fprintf(file.stream, "x");
    ck_assert_redux_ok(rdx_file_commit(&file));
    assert_content(path, "x");
    ck_assert_redux(REDUX_E_NOT_FOUND,
                    rdx_file_begin(&file, NULL, text("%s/no/out", folder), NULL));
    rdx_file_abort(&file);
    ck_assert_redux(REDUX_E_IO, rdx_file_begin(&file, NULL, folder, NULL));
    ck_assert_redux(REDUX_E_INVALID, rdx_file_begin(&file, NULL, "", NULL));
    ck_assert_redux(REDUX_E_INVALID, rdx_file_begin(&file, NULL, NULL, NULL));
    ck_assert_int_eq(entries(folder), 1);
}
END_TEST

START_TEST(links_are_kept)
{
    rdx_file file;
    struct stat status;
    const char *folder = new_folder("links"), *path = text("%s/link", folder);
    write_bytes(text("%s/target", folder), "old", 3);
    ck_assert_int_eq(symlink("target", path), 0);
    ck_assert_redux_ok(rdx_file_begin(&file, NULL, path, NULL));
    fprintf(file.stream, "new");
    ck_assert_redux_ok(rdx_file_commit(&file));
    ck_assert_int_eq(lstat(path, &status), 0);
    ck_assert(S_ISLNK(status.st_mode));
    assert_content(text("%s/target", folder), "new");
}
END_TEST

static redux_status print_words(FILE *stream, void *user)
{
    fputs("a mark 12 words\n", stream);
    return user == NULL ? REDUX_OK : *(const redux_status *)user;
}

/* Inputs are never replaced, nor files of other kinds in a context that keeps files. */
START_TEST(what_is_replaced)
{
    redux_context_options options = REDUX_CONTEXT_OPTIONS_INIT;
    redux_context *keeps, *replaces;
    const redux_status cancelled = REDUX_E_CANCELLED;
    const char *folder = new_folder("replaced"), *path = text("%s/out", folder);
    ck_assert_redux_ok(redux_context_new(&replaces, &options));
    options.flags = REDUX_CONTEXT_KEEPS_FILES;
    ck_assert_redux_ok(redux_context_new(&keeps, &options));
    write_bytes(path, "mine", 4);
    ck_assert_redux(REDUX_E_INVALID, redux_file_check(keeps, path, "a mark #"));
    ck_assert_redux(REDUX_E_INVALID, redux_file_save(path, keeps, "a mark #", print_words, NULL));
    assert_content(path, "mine");
    ck_assert_redux_ok(redux_file_check(replaces, path, "a mark #"));
    ck_assert_redux_ok(redux_file_check(NULL, path, "a mark #"));
    ck_assert_redux(REDUX_E_CANCELLED, redux_file_save(path, replaces, NULL, print_words,
                                                       (void *)(uintptr_t)&cancelled));
    assert_content(path, "mine");
    ck_assert_redux_ok(redux_file_save(path, replaces, "a mark #", print_words, NULL));
    ck_assert_redux_ok(redux_file_save(path, keeps, "a mark #", print_words, NULL)); /* its own */
    ck_assert_redux(REDUX_E_INVALID, redux_file_check(keeps, path, "a mark ## words"));
    write_bytes(path, "", 0);
    ck_assert_redux_ok(redux_file_save(path, keeps, "a mark #", print_words, NULL));
    ck_assert_int_eq(link(path, text("%s/other-name", folder)), 0);
    ck_assert_redux_ok(redux_context_protect(replaces, text("%s/other-name", folder)));
    ck_assert_redux_ok(redux_context_protect(replaces, text("%s/not-there", folder)));
    ck_assert_redux(REDUX_E_INVALID, redux_file_save(path, replaces, NULL, print_words, NULL));
    ck_assert_redux(REDUX_E_INVALID, redux_context_protect(NULL, path));
    ck_assert_redux(REDUX_E_INVALID, redux_file_check(keeps, NULL, NULL));
    ck_assert_redux(REDUX_E_INVALID, redux_file_save(path, keeps, NULL, NULL, NULL));
    ck_assert_int_eq(entries(folder), 2);
    redux_context_free(keeps);
    redux_context_free(replaces);
}
END_TEST

/* Names that can be foreseen, and links under them: nothing is written through. */
START_TEST(traps)
{
    rdx_file file;
    const char *folder = new_folder("traps"), *path = text("%s/out", folder),
               *lock = text("%s/.out.lock.redux-tmp", folder), *victim = text("%s/victim", folder);
    write_bytes(victim, "victim", 6);
    ck_assert_int_eq(symlink("victim", lock), 0);
    ck_assert_redux(REDUX_E_IO, rdx_file_begin(&file, NULL, path, NULL));
    unlink(lock);
    ck_assert_int_eq(link(victim, lock), 0);
    ck_assert_redux(REDUX_E_IO, rdx_file_begin(&file, NULL, path, NULL));
    unlink(lock);
    write_bytes(lock, "../../../victim!", 16); /* names no temporary file */
    ck_assert_redux_ok(rdx_file_begin(&file, NULL, path, NULL));
    rdx_file_abort(&file);
    assert_content(victim, "victim");
    ck_assert_int_eq(entries(folder), 1);
    write_bytes(lock, "0123456789abcdef", 16);
    write_bytes(text("%s/.out.0123456789abcdef.redux-tmp", folder), "left", 4);
    ck_assert_redux_ok(redux_file_sweep(NULL, folder));
    ck_assert_int_eq(entries(folder), 1);
    ck_assert_redux_ok(rdx_file_begin(&file, NULL, path, NULL)); /* at work: it stays */
    ck_assert_redux_ok(redux_file_sweep(NULL, folder));
    ck_assert_int_eq(entries(folder), 3);
    rdx_file_abort(&file);
    ck_assert_redux(REDUX_E_NOT_FOUND, redux_file_sweep(NULL, text("%s/none", folder)));
    ck_assert_redux(REDUX_E_INVALID, redux_file_sweep(NULL, NULL));
}
END_TEST

START_TEST(permission_denied)
{
    rdx_file file;
    const char *folder = new_folder("denied");
    if (geteuid() == 0)
        return; /* nothing is denied to root */
    ck_assert_int_eq(chmod(folder, 0555), 0);
    ck_assert_redux(REDUX_E_IO, rdx_file_begin(&file, NULL, text("%s/out", folder), NULL));
    chmod(folder, 0755);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("io_file");
    TCase *tests = tcase_create("atomic");
    tcase_add_test(tests, commit_replaces);
    tcase_add_test(tests, abort_leaves_the_old);
    tcase_add_test(tests, full_disk);
    tcase_add_test(tests, disk_fills_up);
    tcase_add_test(tests, one_writer_at_a_time);
    tcase_add_test(tests, leftover_is_taken_over);
    tcase_add_test(tests, names);
    tcase_add_test(tests, links_are_kept);
    tcase_add_test(tests, what_is_replaced);
    tcase_add_test(tests, traps);
    tcase_add_test(tests, permission_denied);
    suite_add_tcase(suite, tests);
    scratch_make();
    const int result = run_suite(suite);
    scratch_remove();
    return result;
}
