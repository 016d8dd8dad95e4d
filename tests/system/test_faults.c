/* SPDX-License-Identifier: MIT
 * Every public function that allocates or touches files, with its 1st, 2nd, 3rd ... allocation or
 * system call failing until it passes: the right status, outputs as they were, nothing leaked,
 * nothing half-written, and afterwards the same context works.
 *
 * Allocations of the library fail through a context's allocator. Those of the C library and of
 * zlib, libpng, libjpeg ..., and system calls, fail through tests/support/fault_shim.c, which this
 * program preloads to itself (not under a sanitizer, whose malloc is its own). FAULTS=all tries
 * every n; else strides grow, from the 24th or 100th on. */
#include <limits.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include "support/fault_shim.h"
#include "faults_setup.h"

/* Over all tests, each of which is a process of its own. */
static struct {
    _Atomic int64_t allocations, calls, cancelled;
} * tried;

/* ---- an allocator that counts, fails when told, and guards its blocks ---- */

enum { GUARD = 64 };
static const unsigned char guard_byte = 0xc5;

typedef struct guarded {
    size_t size, offset;
    uint64_t magic;
} guarded;

static struct {
    _Atomic int64_t count, fail_at, live, failed;
} heap;

static void *guarded_allocate(size_t size, size_t alignment, void *user)
{
    (void)user;
    if (atomic_fetch_add(&heap.count, 1) + 1 == atomic_load(&heap.fail_at)) {
        atomic_fetch_add(&heap.failed, 1);
        return NULL;
    }
    const size_t front = (sizeof(guarded) + GUARD + alignment - 1) / alignment * alignment;
    void *block;
    if (posix_memalign(&block, alignment, front + size + GUARD) != 0)
        return NULL;
    char *data = (char *)block + front;
    memset(block, guard_byte, front);
    memset(data, 0xb7, size); /* who relies on zeros is found out */
    memset(data + size, guard_byte, GUARD);
    *(guarded *)block = (guarded){size, front, 0x1234567890abcdef};
    memcpy(data - sizeof front, &front, sizeof front);
    atomic_fetch_add(&heap.live, 1);
    return data;
}

static void guarded_deallocate(void *pointer, void *user)
{
    size_t front;
    (void)user;
    memcpy(&front, (char *)pointer - sizeof front, sizeof front);
    guarded *block = (guarded *)(void *)((char *)pointer - front);
    if (block->magic != 0x1234567890abcdef || block->offset != front)
        abort(); /* freed twice, or written before its beginning: Check reports the signal */
    for (size_t i = 0; i < GUARD; i++)
        if (((unsigned char *)pointer)[block->size + i] != guard_byte)
            abort(); /* written beyond its end */
    block->magic = 0;
    memset(pointer, 0xdd, block->size);
    atomic_fetch_sub(&heap.live, 1);
    free(block);
}

static bool is_preloaded(void)
{
    return fault_arm != NULL;
}

static void calm(void)
{
    atomic_store(&heap.fail_at, 0);
    if (is_preloaded())
        fault_disarm();
}

static redux_context *guarded_context(int threads)
{
    redux_context_options options = REDUX_CONTEXT_OPTIONS_INIT;
    redux_context *context;
    options.allocate = guarded_allocate;
    options.deallocate = guarded_deallocate;
    options.threads = threads;
    atomic_store(&heap.fail_at, 0);
    ck_assert_redux_ok(redux_context_new(&context, &options));
    return context;
}

/* `every`: as many one by one. */
static int64_t next_n(int64_t n, int64_t every)
{
    const char *faults = getenv("FAULTS");
    const bool all = faults != NULL && strcmp(faults, "all") == 0;
    return n < every || all ? n + 1 : n + n / 4;
}

/* What a run may leave: no temporary file, and its file absent or whole. */
static uint32_t file_sum(const char *path)
{
    size_t size;
    if (access(path, F_OK) != 0)
        return 0;
    unsigned char *bytes = read_bytes(path, &size);
    const uint32_t sum = (uint32_t)crc32(1, bytes, (uInt)size);
    free(bytes);
    return sum;
}

static int is_temporary(const char *path, const struct stat *status, int flag, struct FTW *walk)
{
    (void)status;
    (void)flag;
    (void)walk;
    return strstr(path, "redux-tmp") != NULL;
}

static void check_files(const scenario *s, uint32_t whole, const char *what, int64_t n)
{
    ck_assert_msg(nftw(scratch, is_temporary, 16, FTW_PHYS) == 0,
                  "%s, %s %lld: a temporary file is left", s->name, what, (long long)n);
    if (s->file == NULL)
        return;
    const uint32_t sum = file_sum(in_scratch(s->file));
    ck_assert_msg(sum == 0 || sum == whole, "%s, %s %lld: half of %s is left", s->name, what,
                  (long long)n, s->file);
}

static void forget_file(const scenario *s)
{
    if (s->file != NULL)
        unlink(in_scratch(s->file));
}

/* ---- the context's allocator ---- */

static void fail_allocations(const scenario *s, int threads)
{
    redux_context *context = guarded_context(threads);
    forget_file(s);
    ck_assert_redux_ok(s->run(context)); /* also: plans and the like, which a context keeps */
    const uint32_t whole = s->file == NULL ? 0 : file_sum(in_scratch(s->file));
    const int64_t live = atomic_load(&heap.live);
    for (int64_t n = 1;; n = next_n(n, 24)) {
        forget_file(s);
        atomic_store(&heap.count, 0);
        atomic_store(&heap.failed, 0);
        atomic_store(&heap.fail_at, n);
        const redux_status status = s->run(context);
        atomic_store(&heap.fail_at, 0);
        ck_assert_msg(atomic_load(&heap.live) == live, "%s, allocation %lld: %lld blocks leaked",
                      s->name, (long long)n, (long long)(atomic_load(&heap.live) - live));
        check_files(s, whole, "allocation", n);
        if (atomic_load(&heap.failed) == 0) {
            ck_assert_msg(status == REDUX_OK, "%s: %s", s->name, redux_error_message());
            break;
        }
        ck_assert_msg(status == REDUX_E_NO_MEMORY, "%s, allocation %lld: %s: %s", s->name,
                      (long long)n, redux_status_string(status), redux_error_message());
        ck_assert_msg(redux_error_message()[0] != '\0', "%s: no message", s->name);
        tried->allocations++;
    }
    redux_context_free(context);
    ck_assert_int_eq(atomic_load(&heap.live), 0);
}

START_TEST(allocations_fail)
{
    fail_allocations(&scenarios[_i], 1);
}
END_TEST

START_TEST(allocations_fail_on_threads)
{
    fail_allocations(&scenarios[_i], 3);
}
END_TEST

/* ---- the C library's ---- */

/* minizip 1.2.13 forgets a block of its own where zlib has no memory for it (docs/errors.md). */
static bool forgets(const scenario *s)
{
    return strstr(s->name, "npz") != NULL || strcmp(s->name, "reduce_update") == 0 ||
           strcmp(s->name, "results_save") == 0; /* .exemplars */
}

/* libtiff 4.5.0 (TIFFSetField) and libwebp 1.2.4 (WebPDecode) use NULL where the heap gives out. */
static bool is_not_ours(const scenario *s, int call)
{
    return call == FAULT_MALLOC &&
           (strncmp(s->name, "tiff", 4) == 0 || strncmp(s->name, "webp", 4) == 0);
}

static void fail_calls(const scenario *s, int call, const char *name, int error)
{
    if (is_not_ours(s, call))
        return;
    forget_file(s);
    for (int i = 0; i < 2; i++) /* what is kept for good is there after the first */
        ck_assert_redux_ok(s->run(NULL));
    const uint32_t whole = s->file == NULL ? 0 : file_sum(in_scratch(s->file));
    for (int64_t n = 1;; n = next_n(n, 100)) {
        forget_file(s);
        const int64_t live = fault_live();
        fault_arm(call, n, error);
        const redux_status status = s->run(NULL);
        const bool failed = fault_disarm() != 0;
        const int64_t leaked = fault_live() - live;
        check_files(s, whole, name, n);
        ck_assert_msg(leaked == 0 || (leaked == 1 && call == FAULT_MALLOC && forgets(s)),
                      "%s, %s %lld: %lld blocks leaked", s->name, name, (long long)n,
                      (long long)leaked);
        if (!failed) {
            ck_assert_msg(status == REDUX_OK, "%s: %s", s->name, redux_error_message());
            break;
        }
        tried->calls++;
        if (status == REDUX_OK) { /* it could do without; then the result is whole */
            ck_assert_msg(call != FAULT_READ && call != FAULT_WRITE && call != FAULT_RENAME,
                          "%s, %s %lld: nobody noticed", s->name, name, (long long)n);
            ck_assert_msg(s->file == NULL || file_sum(in_scratch(s->file)) == whole,
                          "%s, %s %lld: the file is not whole", s->name, name, (long long)n);
            continue;
        }
        const redux_status want = call == FAULT_MALLOC ? REDUX_E_NO_MEMORY : REDUX_E_IO;
        ck_assert_msg(status == want, "%s, %s %lld: %s: %s", s->name, name, (long long)n,
                      redux_status_string(status), redux_error_message());
    }
}

static const struct {
    int call, error;
    const char *name;
} calls[] = {{FAULT_MALLOC, ENOMEM, "malloc"}, {FAULT_READ, EIO, "read"},
             {FAULT_WRITE, ENOSPC, "write"},   {FAULT_OPEN, EMFILE, "open"},
             {FAULT_CLOSE, EIO, "close"},      {FAULT_FSYNC, EIO, "fsync"},
             {FAULT_RENAME, EIO, "rename"},    {FAULT_MMAP, EIO, "mmap"}};
enum { CALLS = sizeof calls / sizeof *calls };

START_TEST(calls_fail)
{
    const scenario *s = &scenarios[_i / CALLS];
    const int call = _i % CALLS;
    fail_calls(s, calls[call].call, calls[call].name, calls[call].error);
}
END_TEST

/* Interrupted and short calls are no failure. */
static void survive(const scenario *s, int call, int error)
{
    forget_file(s);
    ck_assert_redux_ok(s->run(NULL));
    const uint32_t whole = s->file == NULL ? 0 : file_sum(in_scratch(s->file));
    forget_file(s);
    fault_arm(call, 0, error);
    const redux_status status = s->run(NULL);
    const int64_t failed = fault_disarm();
    tried->calls += failed;
    ck_assert_msg(status == REDUX_OK, "%s: %s", s->name, redux_error_message());
    ck_assert_msg(s->file == NULL || file_sum(in_scratch(s->file)) == whole,
                  "%s: the file has changed", s->name);
}

START_TEST(interruptions_are_survived)
{
    const scenario *s = &scenarios[_i];
    survive(s, FAULT_READ, EINTR);
    survive(s, FAULT_WRITE, EINTR);
    survive(s, FAULT_OPEN, EINTR);
    survive(s, FAULT_FSYNC, EINTR);
    survive(s, FAULT_READ, -1); /* short */
    survive(s, FAULT_WRITE, -1);
}
END_TEST

/* ---- cancelling ---- */

/* A host that says no once, at its n-th callback. */
static struct {
    int64_t count, says_no_at, after; /* after: callbacks that came later */
    bool was_done;                    /* there was nothing left to do */
} host;

static int ask_host(int64_t done, int64_t total, void *user)
{
    (void)user;
    host.after += host.says_no_at != 0 && host.count >= host.says_no_at;
    if (++host.count != host.says_no_at)
        return 0;
    host.was_done = done == total;
    return 1;
}

static redux_context *asking_context(int threads)
{
    redux_context_options options = REDUX_CONTEXT_OPTIONS_INIT;
    redux_context *context;
    options.allocate = guarded_allocate;
    options.deallocate = guarded_deallocate;
    options.progress = ask_host;
    options.threads = threads;
    atomic_store(&heap.fail_at, 0);
    ck_assert_redux_ok(redux_context_new(&context, &options));
    return context;
}

static redux_status run_asked(const scenario *s, redux_context *context, int64_t says_no_at)
{
    forget_file(s);
    memset(&host, 0, sizeof host);
    host.says_no_at = says_no_at;
    return s->run(context);
}

/* Those whose work grows without bound with their input. */
static bool is_long(const char *name)
{
    static const char *const names[] = {"hash_list",     "volume_hash_read",   "search_hamming",
                                        "search_cosine", "search_ssim",        "search_mi",
                                        "search_mattes", "search_conditional", "search_phase",
                                        "index_scan",    "index_multi",        "index_cosine",
                                        "export_png",    "export_npy",         "export_npz",
                                        "embed",         "pretrain",           "evaluate_linear",
                                        "evaluate_knn",  "evaluate_finetune",  "labels_leakage"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strcmp(name, names[i]) == 0)
            return true;
    return strncmp(name, "reduce_", 7) == 0 || strncmp(name, "pretrain_", 9) == 0;
}

/* False: there was no n-th callback (how many come depends on the threads), and it went well. */
static bool cancel_at(const scenario *s, redux_context *context, int64_t n, int threads)
{
    const redux_status status = run_asked(s, context, n);
    if (host.count < n) {
        ck_assert_msg(status == REDUX_OK, "%s: %s", s->name, redux_error_message());
        return false;
    }
    if (status == REDUX_OK) /* only where all was done already */
        ck_assert_msg(host.was_done, "%s, callback %lld: nobody listened", s->name, (long long)n);
    else
        ck_assert_msg(status == REDUX_E_CANCELLED, "%s, callback %lld: %s: %s", s->name,
                      (long long)n, redux_status_string(status), redux_error_message());
    ck_assert_msg(host.after <= threads, "%s, callback %lld: %lld more callbacks", s->name,
                  (long long)n, (long long)host.after);
    tried->cancelled++;
    return true;
}

static void cancel_at_each_callback(const scenario *s, int threads)
{
    redux_context *context = asking_context(threads);
    ck_assert_redux_ok(run_asked(s, context, 0));
    ck_assert_msg(!is_long(s->name) || host.count > 0, "%s: is never asked", s->name);
    const uint32_t whole = s->file == NULL ? 0 : file_sum(in_scratch(s->file));
    const int64_t live = atomic_load(&heap.live);
    for (int64_t n = 1; cancel_at(s, context, n, threads); n = next_n(n, 24)) {
        ck_assert_msg(atomic_load(&heap.live) == live, "%s, callback %lld: %lld blocks leaked",
                      s->name, (long long)n, (long long)(atomic_load(&heap.live) - live));
        check_files(s, whole, "callback", n);
    }
    redux_context_free(context);
    ck_assert_int_eq(atomic_load(&heap.live), 0);
}

START_TEST(cancelling_ends_it)
{
    cancel_at_each_callback(&scenarios[_i], 1);
}
END_TEST

START_TEST(cancelling_ends_it_on_threads)
{
    cancel_at_each_callback(&scenarios[_i], 3);
}
END_TEST

/* ---- main ---- */

static bool is_sanitized(void)
{
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
    return true;
#elif defined(__has_feature)
    return __has_feature(address_sanitizer) || __has_feature(thread_sanitizer);
#else
    return false;
#endif
}

/* Starts this program again with the shim that lies beside it, where there is one. */
static void preload(char **arguments)
{
    char shim[PATH_MAX];
    const ssize_t length = readlink("/proc/self/exe", shim, sizeof shim - 32);
    if (length < 0 || is_preloaded() || is_sanitized() || getenv("LD_PRELOAD") != NULL)
        return;
    shim[length] = '\0';
    char *slash = strrchr(shim, '/');
    snprintf(slash, 32, "/fault_shim.so");
    if (access(shim, R_OK) != 0 || setenv("LD_PRELOAD", shim, 1) != 0)
        return;
    execv("/proc/self/exe", arguments);
}

int main(int count, char **arguments)
{
    (void)count;
    preload(arguments);
    Suite *suite = suite_create("faults");
    TCase *tests = tcase_create("faults");
    tcase_set_tags(tests, "slow");
    tried = mmap(NULL, sizeof *tried, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    scratch_make();
    tcase_add_unchecked_fixture(tests, setup, NULL);
    tcase_add_loop_test(tests, allocations_fail, 0, SCENARIOS);
    tcase_add_loop_test(tests, allocations_fail_on_threads, 0, SCENARIOS);
    tcase_add_loop_test(tests, cancelling_ends_it, 0, SCENARIOS);
    tcase_add_loop_test(tests, cancelling_ends_it_on_threads, 0, SCENARIOS);
    if (is_preloaded()) {
        tcase_add_loop_test(tests, calls_fail, 0, SCENARIOS * CALLS);
        tcase_add_loop_test(tests, interruptions_are_survived, 0, SCENARIOS);
    }
    suite_add_tcase(suite, tests);
    const int status = run_suite(suite);
    printf("%d scenarios, %lld allocations and %lld calls failed, %lld cancelled\n", (int)SCENARIOS,
           (long long)tried->allocations, (long long)tried->calls, (long long)tried->cancelled);
    scratch_remove();
    return status;
}
