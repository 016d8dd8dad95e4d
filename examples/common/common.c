/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#ifdef __GLIBC__
#include <malloc.h>
#endif
#include <math.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include "common.h"
#include "ranks.h"

const char *program_name = "redux";
bool program_overwrites;

static volatile sig_atomic_t interrupted;

static void on_interrupt(int signal_number)
{
    (void)signal_number;
    interrupted = 1; /* the progress callback cancels; a second signal kills */
}

/* The first signal ends the work, and what was begun is removed. One that was ignored at the start
 * (nohup) stays ignored. A limit on file sizes is a failure to write, not the end. */
static void catch_signals(void)
{
    static const int signals[] = {SIGINT, SIGTERM, SIGHUP};
    const struct sigaction action = {.sa_handler = on_interrupt, .sa_flags = (int)SA_RESETHAND};
    struct sigaction before;
    for (size_t i = 0; i < sizeof signals / sizeof *signals; i++)
        if (sigaction(signals[i], NULL, &before) == 0 && before.sa_handler != SIG_IGN)
            sigaction(signals[i], &action, NULL);
    signal(SIGXFSZ, SIG_IGN);
}

/* ---- terminals: control characters in names are shown, not obeyed ---- */

static FILE *terminal; /* standard error without that, for the progress bar */

/* Others have no streams over functions, or, as musl, a stdout that cannot be replaced. */
#if defined(__GLIBC__) && defined(_GNU_SOURCE)

static ssize_t write_visibly(void *cookie, const char *bytes, size_t size)
{
    FILE *out = cookie;
    for (size_t i = 0; i < size; i++) {
        const unsigned char c = (unsigned char)bytes[i];
        const bool c1 = c == 0xc2 && i + 1 < size && ((unsigned char)bytes[i + 1] & 0xe0) == 0x80;
        if (c1)
            i++;
        if (c1 || (c < 0x20 && c != '\n' && c != '\t') || c == 0x7f)
            fprintf(out, "\\x%02x", (unsigned)(unsigned char)bytes[i]);
        else
            putc(c, out);
    }
    return fflush(out) == 0 ? (ssize_t)size : 0;
}

static void guard_terminal(FILE **stream, int mode)
{
    const cookie_io_functions_t functions = {.write = write_visibly};
    if (!isatty(fileno(*stream)))
        return;
    FILE *guard = fopencookie(*stream, "w", functions);
    if (guard == NULL)
        return;
    setvbuf(guard, NULL, mode, BUFSIZ);
    *stream = guard;
}

static void guard_terminals(void)
{
    guard_terminal(&stderr, _IONBF);
    guard_terminal(&stdout, _IOLBF);
}

#else

static void guard_terminals(void)
{
}

#endif

/* OpenBLAS 0.3.21 mistakes newer CPUs for older ones and then leaves AVX-512 unused. */
static const char *blas_core_type(void)
{
#if defined(__x86_64__)
    __builtin_cpu_init();
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
        __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl"))
        return "SKYLAKEX";
#endif
    return NULL;
}

/* Slices are allocated and freed one after another. By default glibc gives the memory of each back
 * to the system and fetches it anew, page by page, which takes longer than reading or hashing the
 * slice. */
static void keep_memory(void)
{
#ifdef __GLIBC__
    mallopt(M_MMAP_THRESHOLD, 32 << 20);
    mallopt(M_TRIM_THRESHOLD, 256 << 20);
#endif
}

void program_start(const char *name, char **arguments)
{
    const char *core = blas_core_type();
    program_name = name;
    if (getenv("REDUX_STARTED") == NULL && setenv("REDUX_STARTED", "1", 1) == 0) {
        setenv("OPENBLAS_NUM_THREADS", "1", 1);
        if (core != NULL)
            setenv("OPENBLAS_CORETYPE", core, 0);
        execv("/proc/self/exe", arguments); /* if it fails, continue as things are */
    }
    unsetenv("REDUX_STARTED");
    keep_memory();
    catch_signals();
    terminal = stderr;
    guard_terminals();
}

int usage_error(const char *format, ...)
{
    va_list arguments;
    fprintf(stderr, "%s: ", program_name);
    va_start(arguments, format);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
    fprintf(stderr, "\nTry '%s --help'.\n", program_name);
    return EXIT_USAGE;
}

bool program_lacks_memory;
static char own_message[1024];

redux_status program_fail(redux_status status, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(own_message, sizeof own_message, format, arguments);
    va_end(arguments);
    return status;
}

int data_error(void)
{
    progress_label(NULL);
    /* What another rank reports itself, the first one repeats, and the others do not. */
    if (program_rank() == 0 || program_lacks_memory ||
        strncmp(redux_error_message(), "rank ", 5) != 0)
        fprintf(stderr, "%s: %s\n", program_name,
                interrupted              ? "interrupted"
                : program_lacks_memory   ? "no memory"
                : own_message[0] != '\0' ? own_message
                                         : redux_error_message());
    return interrupted ? EXIT_INTERRUPTED : EXIT_DATA;
}

/* "nifti (.nii, .nii.gz), png (.png)", wrapped into lines that begin at `column`. */
static void print_formats(int column)
{
    for (int64_t i = 0; i < redux_format_count(); i++) {
        char text[128];
        int used = snprintf(text, sizeof text, "%s (", redux_format_name(i));
        for (int64_t k = 0; redux_format_suffix(i, k) != NULL; k++)
            used += snprintf(text + used, sizeof text - (size_t)used, "%s%s", k > 0 ? ", " : "",
                             redux_format_suffix(i, k));
        used += snprintf(text + used, sizeof text - (size_t)used, ")%s",
                         i + 1 < redux_format_count() ? "," : ".");
        if (column > 0)
            column += 1;
        if (column + used > 88) {
            putchar('\n');
            column = 0;
        } else if (column > 0) {
            putchar(' ');
        }
        fputs(text, stdout);
        column += used;
    }
}

/* Help texts name no format: the library's list replaces @FORMATS@. */
static void print_help(const char *help)
{
    static const char mark[] = "@FORMATS@";
    const char *found = strstr(help, mark);
    if (found == NULL) {
        fputs(help, stdout);
        return;
    }
    const char *line = found;
    while (line > help && line[-1] != '\n')
        line--;
    const bool spaced = found > line && found[-1] == ' ';
    printf("%.*s", (int)(found - help) - spaced, help);
    print_formats((int)(found - line) - spaced);
    fputs(found + strlen(mark), stdout);
}

int parse_options(int count, char **arguments, const struct option *options, const char *help,
                  set_option_fn set, void *settings, bool *done)
{
    int option, code = EXIT_OK;
    opterr = 0;
    while (code == EXIT_OK && (option = getopt_long(count, arguments, ":", options, NULL)) != -1) {
        if (option == ':')
            return usage_error("%s needs a value", arguments[optind - 1]);
        if (option == '?')
            return usage_error("unknown option %s", arguments[optind - 1]);
        if (option == 'O' || option == RANKS_VALUE) {
            program_overwrites = program_overwrites || option == 'O';
            program_uses_ranks = program_uses_ranks || option == RANKS_VALUE;
            continue;
        }
        if (option == RANKS_TIMEOUT_VALUE) {
            if (!parse_number(&program_rank_timeout, optarg) || !(program_rank_timeout > 0))
                code = usage_error("--mpi-timeout '%s': expected a number of seconds", optarg);
            continue;
        }
        if (option == 'h' || option == 'V') {
            if (option == 'h')
                print_help(help);
            else
                printf("%s %s\n", program_name, redux_version_string());
            *done = true;
            return EXIT_OK;
        }
        code = set(settings, option, optarg);
    }
    return code;
}

int set_window(redux_window *window, const char *text)
{
    if (redux_window_parse(window, text) != REDUX_OK)
        return usage_error("--window: %s", redux_error_message());
    return EXIT_OK;
}

int set_on_error(int32_t *skips, const char *text)
{
    *skips = strcmp(text, "skip") == 0;
    if (*skips || strcmp(text, "stop") == 0)
        return EXIT_OK;
    return usage_error("--on-error '%s': expected skip or stop", text);
}

int set_threads(int64_t *threads, const char *text)
{
    if (!parse_integer(threads, text, 0, 4096))
        return usage_error("--threads '%s': expected a whole number, 0 to 4096", text);
    return EXIT_OK;
}

bool parse_integer(int64_t *out, const char *text, int64_t low, int64_t high)
{
    char *end;
    errno = 0;
    const long long value = strtoll(text, &end, 10);
    if (end == text || *end != '\0' || errno != 0 || value < low || value > high)
        return false;
    *out = value;
    return true;
}

bool parse_number(double *out, const char *text)
{
    char *end;
    const double value = strtod(text, &end);
    if (end == text || *end != '\0' || !isfinite(value))
        return false;
    *out = value;
    return true;
}

double seconds_now(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

/* ---- progress ---- */

static struct {
    const char *label;
    bool visible, shown;
    double start, drawn;
    int64_t first, last; /* units done when the bar began, and now */
    char note[64];
} bar = {.label = "working", .first = -1};

void progress_label(const char *label)
{
    if (bar.shown)
        fputs("\r\033[K", terminal);
    bar.shown = false;
    bar.label = label;
    bar.last = 0;
    bar.first = -1;
    bar.note[0] = '\0';
    bar.start = seconds_now();
}

void progress_note(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(bar.note, sizeof bar.note, format, arguments);
    va_end(arguments);
}

static int on_progress(int64_t done, int64_t total, void *user)
{
    enum { WIDTH = 30 };
    char cells[WIDTH + 1];
    const double now = seconds_now();
    (void)user;
    if (interrupted)
        return 1;
    if (done < bar.last ||
        bar.first < 0) { /* another pass has begun; a resumed one does not start at 0 */
        bar.start = now;
        bar.first = done > 1 ? done : 0;
    }
    bar.last = done;
    if (!bar.visible || bar.label == NULL || now - bar.drawn < 0.1 || done <= 0 || total <= 0)
        return 0;
    bar.drawn = now;
    bar.shown = true;
    if (done > total)
        done = total;
    const double rate = (double)(done - bar.first) / fmax(now - bar.start, 1e-9);
    const int filled = (int)(done * WIDTH / total);
    memset(cells, ' ', WIDTH);
    memset(cells, '#', (size_t)filled);
    cells[WIDTH] = '\0';
    fprintf(terminal, "\r%-10s [%s] %lld/%lld", bar.label, cells, (long long)done,
            (long long)total);
    if (rate > 0)
        fprintf(terminal, "  %.*f/s  %.0f s left", rate < 10 ? 1 : 0, rate,
                (double)(total - done) / rate);
    fprintf(terminal, "%s%s\033[K", bar.note[0] == '\0' ? "" : "  ", bar.note);
    return 0;
}

int progress_step(int64_t done, int64_t total)
{
    return on_progress(done, total, NULL);
}

bool program_interrupted(void)
{
    return interrupted != 0;
}

/* A line that repeats the one before it, as each of several runs does, is printed once. */
static void on_log(redux_log_level level, const char *line, void *user)
{
    static char last[1024];
    (void)user;
    if (level < REDUX_LOG_WARNING && !(level == REDUX_LOG_INFO && isatty(STDERR_FILENO)))
        return;
    flockfile(stderr); /* any thread may log */
    if (strncmp(last, line, sizeof last - 1) != 0)
        fprintf(stderr, "%s: %s\n", program_name, line);
    snprintf(last, sizeof last, "%s", line);
    funlockfile(stderr);
}

redux_status new_context(redux_context **out, int64_t threads, bool quiet)
{
    redux_context_options options = REDUX_CONTEXT_OPTIONS_INIT;
    options.flags = program_overwrites ? 0 : REDUX_CONTEXT_KEEPS_FILES;
    options.threads = threads == 0 ? REDUX_THREADS_ALL : (int32_t)threads;
    options.progress = on_progress;
    options.communicator = program_communicator();
    options.log = quiet ? NULL : on_log;
    bar.visible = !quiet && isatty(STDERR_FILENO);
    bar.start = seconds_now();
    return redux_context_new(out, &options);
}

redux_status protect_file(redux_context *context, const char *path)
{
    return path == NULL ? REDUX_OK : redux_context_protect(context, path);
}

redux_status protect_manifest(redux_context *context, const char *path)
{
    static const char *const endings[] = {".json", ".exemplars"};
    const size_t length = path == NULL ? 0 : strlen(path);
    const size_t stem = length > 4 && strcmp(path + length - 4, ".csv") == 0 ? length - 4 : length;
    char beside[4200];
    TRY(protect_file(context, path));
    for (int i = 0; i < 2 && path != NULL && stem + 12 < sizeof beside; i++) {
        snprintf(beside, sizeof beside, "%.*s%s", (int)stem, path, endings[i]);
        if (access(beside, F_OK) == 0)
            TRY(redux_context_protect(context, beside));
    }
    return REDUX_OK;
}

FILE *open_plain_file(const char *path)
{
    struct stat status;
    const int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    const bool known = fd >= 0 && fstat(fd, &status) == 0;
    FILE *file = known && S_ISREG(status.st_mode) ? fdopen(fd, "rb") : NULL;
    if (file != NULL)
        return file;
    const char *reason =
        known && !S_ISREG(status.st_mode) ? "is not a plain file" : strerror(errno);
    fprintf(stderr, "%s: ", program_name);
    print_escaped(stderr, path);
    fprintf(stderr, ": %s\n", reason);
    if (fd >= 0)
        close(fd);
    return NULL;
}

static const char plain[] = "\\\t\n\r", escaped[] = "\\tnr";

/* Bytes of the control character at `c`, of ASCII or of UTF-8 (U+0080 to U+009F); 0: it is none. */
static int control_length(const unsigned char *c)
{
    if (c[0] < 0x20 || c[0] == 0x7f)
        return 1;
    return c[0] == 0xc2 && c[1] >= 0x80 && c[1] < 0xa0 ? 2 : 0;
}

bool is_visible(const char *text)
{
    while (*text != '\0' && control_length((const unsigned char *)text) == 0)
        text++;
    return *text == '\0';
}

void print_escaped(FILE *out, const char *text)
{
    while (*text != '\0') {
        const char *found = strchr(plain, *text);
        int control = control_length((const unsigned char *)text);
        if (found != NULL) {
            fprintf(out, "\\%c", escaped[found - plain]);
            text++;
        } else if (control == 0) {
            putc(*text++, out);
        } else {
            for (; control > 0; control--)
                fprintf(out, "\\x%02x", (unsigned char)*text++);
        }
    }
}

/* The byte that "xNN" names; -1: it is no such text. */
static int escaped_byte(const char *text)
{
    static const char digits[] = "0123456789abcdef";
    if (text[0] != 'x' || text[1] == '\0' || text[2] == '\0')
        return -1;
    const char *high = strchr(digits, text[1]), *low = strchr(digits, text[2]);
    const int byte = high == NULL || low == NULL ? 0 : (int)(16 * (high - digits) + (low - digits));
    return byte == 0 ? -1 : byte;
}

bool unescape_field(char *text)
{
    char *out = text;
    for (; *text != '\0'; text++) {
        if (*text != '\\') {
            *out++ = *text;
            continue;
        }
        text++;
        const char *found = *text == '\0' ? NULL : strchr(escaped, *text);
        const int byte = escaped_byte(text);
        if (found == NULL && byte < 0)
            return false;
        *out++ = found != NULL ? plain[found - escaped] : (char)byte;
        text += found != NULL ? 0 : 2;
    }
    *out = '\0';
    return true;
}

void print_csv_field(FILE *out, const char *text)
{
    if (strpbrk(text, ",\"\r\n") == NULL) {
        fputs(text, out);
        return;
    }
    putc('"', out);
    for (; *text != '\0'; text++) {
        if (*text == '"')
            putc('"', out);
        putc(*text, out);
    }
    putc('"', out);
}
