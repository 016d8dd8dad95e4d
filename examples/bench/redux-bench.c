/* SPDX-License-Identifier: MIT
 * redux-bench: how fast the hot paths are on this machine, what the machine would allow, and what
 * other libraries reach on it in the same minutes. It uses public functions only.
 *
 * A sample is some rounds of a path. Samples of the paths that share a peer alternate with runs of
 * the peer, so that other load on the machine affects both. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include "bench.h"

enum {
    ROUNDS_ALONE = 5,
    ROUNDS_WITH_PEER = 2,
    MOST_PATHS = 64,
    MOST_CASES = 3,
    MOST_PEER_FOLDERS = 8
};

#define LONG_SAMPLE 2.0 /* seconds; longer samples need no warming up again, and fewer rounds */
#define LONG_PEER 12.0  /* seconds; longer peers repeat enough by themselves */

static const char help[] =
    "Usage: redux-bench [options] [FILE...]\n"
    "Measure libredux's hot paths on this machine, as rates and as shares of its limits:\n"
    "multiply-adds, bytes, bits and so on, measured at the start. FILE: volumes to read.\n"
    "\n"
    "  --peers DIR     run other libraries' scripts between our own samples; ratios over 1 mean\n"
    "                  that libredux is faster; repeatable\n"
    "  --rounds N      turns of ours and the peer's (default: 2, or 1 if the peer takes over 12\n"
    "                  seconds, in which it repeats by itself)\n"
    "  --filter TEXT   only paths whose names contain TEXT\n"
    "  --seconds S     length of each sample (default: 0.3)\n"
    "  --threads N     0 (default): all processors. Paths marked 1 use one thread, as their peers\n"
    "  --json          JSON on stdout in place of the table\n"
    "  --quiet         errors only on stderr\n"
    "  --help, --version\n"
    "\n"
    "Exit status: 0 done, 1 a path failed, 2 wrong usage, 130 interrupted.\n"
    "\n"
    "Examples:\n"
    "  redux-bench --filter hash\n"
    "  redux-bench --peers peers --json ct/*.nii.gz > bench.json\n";

typedef struct settings {
    int64_t threads, rounds;
    double seconds;
    const char *filter, *peers[MOST_PEER_FOLDERS];
    int peer_folders;
    bool json, quiet;
} settings;

/* What was measured of one path. */
typedef struct row {
    const bench_path *path;
    int64_t repeat;   /* calls in a sample; 0: unknown yet */
    double seconds;   /* of the last sample */
    double rates[16]; /* of samples */
    int count, peer_count[MOST_CASES];
    double peer_rates[MOST_CASES][16];
    char peer_names[MOST_CASES][48];
    double peak_mb, peer_peak_mb; /* of memory; 0: unknown */
} row;

/* ---- samples ---- */

static int ascending(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median(const double *values, int count)
{
    double sorted[16];
    if (count == 0)
        return 0;
    memcpy(sorted, values, (size_t)count * sizeof *sorted);
    qsort(sorted, (size_t)count, sizeof *sorted, ascending);
    return count % 2 == 1 ? sorted[count / 2] : (sorted[count / 2 - 1] + sorted[count / 2]) / 2;
}

/* Makes the kernel forget the process's peak of memory (Linux). */
static void forget_peak(void)
{
    FILE *file = fopen("/proc/self/clear_refs", "we");
    if (file == NULL)
        return;
    fputs("5", file);
    fclose(file);
}

/* MiB; 0 if the kernel does not say. */
static double peak_of_memory(void)
{
    char line[256];
    double kib = 0;
    FILE *file = fopen("/proc/self/status", "re");
    while (file != NULL && fgets(line, sizeof line, file) != NULL)
        if (strncmp(line, "VmHWM:", 6) == 0)
            kib = strtod(line + 6, NULL);
    if (file != NULL)
        fclose(file);
    return kib / 1024;
}

static redux_status run(double *rate, double *seconds, bench *b, const bench_path *path,
                        int64_t repeat)
{
    double total = 0;
    const double start = seconds_now();
    b->untimed = 0;
    for (int64_t i = 0; i < repeat; i++) {
        double units = 0;
        const redux_status status = path->run(&units, b, path);
        clear_scratch(b);
        if (status != REDUX_OK)
            return status;
        if (program_interrupted())
            return REDUX_E_CANCELLED;
        total += units;
    }
    *seconds = fmax(seconds_now() - start - b->untimed, 1e-9);
    *rate = total / *seconds;
    return REDUX_OK;
}

/* Finds how many calls take about `seconds`. */
static redux_status find_repeat(row *r, bench *b, double seconds)
{
    double rate, spent = 0;
    r->repeat = 1;
    TRY(run(&rate, &spent, b, r->path, 1));
    while (spent < seconds / 4) {
        r->repeat *= 2;
        TRY(run(&rate, &spent, b, r->path, r->repeat));
    }
    r->repeat = (int64_t)fmax(1, rint((double)r->repeat * seconds / spent));
    return REDUX_OK;
}

/* One sample of about `seconds`, after a run that warms up the caches. */
static redux_status sample(row *r, bench *b, double seconds)
{
    double rate = 0;
    forget_peak();
    if (r->seconds < LONG_SAMPLE)
        TRY(run(&rate, &r->seconds, b, r->path, 1));
    if (r->repeat == 0 && r->seconds < LONG_SAMPLE)
        TRY(find_repeat(r, b, seconds));
    r->repeat = r->repeat > 0 ? r->repeat : 1;
    TRY(run(&rate, &r->seconds, b, r->path, r->repeat));
    r->peak_mb = fmax(r->peak_mb, peak_of_memory());
    if (r->count < 16 && rate > 0)
        r->rates[r->count++] = rate;
    return REDUX_OK;
}

/* ---- peers ---- */

/* Whether every word of `pattern` is in the peer's name or case. */
static bool fits(const peer_rate *peer, const char *pattern)
{
    char text[176], words[64], *rest = NULL;
    snprintf(text, sizeof text, "%.47s %.111s", peer->name, peer->which);
    snprintf(words, sizeof words, "%s", pattern);
    for (char *word = strtok_r(words, " ", &rest); word != NULL; word = strtok_r(NULL, " ", &rest))
        if (strstr(text, word) == NULL)
            return false;
    return true;
}

/* The first measurement that matches, or the mean of all that measure files. */
static void take_peer(row *r, const peer_rate *peers, int count)
{
    for (int c = 0; c < MOST_CASES && r->path->cases[c] != NULL; c++) {
        double sum = 0;
        int found = 0;
        for (int i = 0; i < count; i++) {
            if (!fits(&peers[i], r->path->cases[c]))
                continue;
            snprintf(r->peer_names[c], sizeof r->peer_names[c], "%.47s", peers[i].name);
            sum += peers[i].rate;
            r->peer_peak_mb = fmax(r->peer_peak_mb, peers[i].peak_mb);
            found++;
            if (strcmp(r->path->unit, "bytes") != 0)
                break;
        }
        if (found > 0 && r->peer_count[c] < 16)
            r->peer_rates[c][r->peer_count[c]++] = sum / found;
    }
}

/* ---- output ---- */

static void cpu_name(char *out, size_t size)
{
    char line[256];
    FILE *file = fopen("/proc/cpuinfo", "re");
    snprintf(out, size, "unknown processor");
    while (file != NULL && fgets(line, sizeof line, file) != NULL)
        if (strncmp(line, "model name", 10) == 0 && strchr(line, ':') != NULL) {
            snprintf(out, size, "%s", strchr(line, ':') + 2);
            out[strcspn(out, "\n\"\\")] = '\0';
            break;
        }
    if (file != NULL)
        fclose(file);
}

/* What program_start, or you, set before OpenBLAS was loaded. */
static const char *blas_core(void)
{
    const char *core = getenv("OPENBLAS_CORETYPE");
    return core != NULL && core[0] != '\0' ? core : "chosen by OpenBLAS";
}

/* Whether those kernels lack AVX-512 on a processor that has it. */
static bool blas_is_slow(void)
{
    static const char *const fast[] = {"SKYLAKEX", "COOPERLAKE", "SAPPHIRERAPIDS"};
    if (strcmp(redux_cpu_tier(), "avx512") != 0)
        return false;
    for (size_t i = 0; i < sizeof fast / sizeof fast[0]; i++)
        if (strcasecmp(blas_core(), fast[i]) == 0)
            return false;
    return true;
}

/* 1234567 as "1.235 M". */
static void print_rate(double rate, const char *unit)
{
    static const char prefixes[] = " kMGT";
    int i = 0;
    for (; rate >= 1000 && i < 4; i++)
        rate /= 1000;
    printf("%8.2f %c%s/s%-*s", rate, prefixes[i], unit, (int)(7 - strlen(unit)), "");
}

/* Half the distance between the slowest and the fastest sample, over the median. */
static double spread_of(const row *r)
{
    double low = r->rates[0], high = r->rates[0];
    for (int i = 1; i < r->count; i++) {
        low = fmin(low, r->rates[i]);
        high = fmax(high, r->rates[i]);
    }
    return (high - low) / 2 / median(r->rates, r->count);
}

/* The machine's limit in the path's unit; 0: no limit applies. */
static double limit_of(const bench_path *path, const bench_limits *limits, int threads)
{
    if (path->limit == LIMIT_NONE)
        return 0;
    return limits->rate[path->limit] / path->per_unit / (path->single ? threads : 1);
}

static void print_case(const row *r, const bench_limits *limits, const bench *b, int c, bool named,
                       bool json, bool *first)
{
    const double rate = median(r->rates, r->count), limit = limit_of(r->path, limits, b->threads);
    const double peer = c < 0 ? 0 : median(r->peer_rates[c], r->peer_count[c]);
    if (json) {
        printf("%s\n    {\"name\": \"%s\", \"rate\": %.6g, \"unit\": \"%s/s\", \"threads\": %d",
               *first ? "" : ",", r->path->name, rate, r->path->unit,
               r->path->single ? 1 : b->threads);
        if (limit > 0)
            printf(", \"limit\": %.6g, \"percent\": %.3g", limit, 100 * rate / limit);
        else
            printf(", \"limit\": null, \"percent\": null");
        if (peer > 0)
            printf(", \"peer\": \"%s\", \"peer_rate\": %.6g, \"ratio\": %.4g", r->peer_names[c],
                   peer, rate / peer);
        else
            printf(", \"peer\": null, \"peer_rate\": null, \"ratio\": null");
        if (r->peer_peak_mb > 0)
            printf(", \"peak_mb\": %.4g, \"peer_peak_mb\": %.4g", r->peak_mb, r->peer_peak_mb);
        printf(", \"spread\": %.3g}", spread_of(r));
    } else {
        printf("%-34s%s ", named ? r->path->name : "", r->path->single ? "1" : " ");
        print_rate(rate, r->path->unit);
        printf(" +-%3.0f %%", 100 * spread_of(r));
        if (limit > 0)
            printf(" %5.0f %%", 100 * rate / limit);
        else
            printf("        ");
        if (peer > 0)
            printf("  %7.2f x %s", rate / peer, r->peer_names[c]);
        if (r->peer_peak_mb > 0)
            printf(", %.0f of its %.0f MiB", r->peak_mb, r->peer_peak_mb);
        printf("\n");
    }
    *first = false;
    fflush(stdout);
}

static void print_row(const row *r, const bench_limits *limits, const bench *b, bool json,
                      bool *first)
{
    bool any = false;
    if (r->count == 0)
        return; /* nothing to read */
    for (int c = 0; c < MOST_CASES; c++)
        if (r->peer_count[c] > 0) {
            print_case(r, limits, b, c, !any, json, first);
            any = true;
        }
    if (!any)
        print_case(r, limits, b, -1, true, json, first);
}

static void print_head(const bench_limits *limits, const bench *b, bool json)
{
    char cpu[128];
    cpu_name(cpu, sizeof cpu);
    if (json)
        printf("{\n  \"version\": \"%s\",\n  \"machine\": {\"cpu\": \"%s\", \"tier\": \"%s\", "
               "\"blas\": \"%s\", \"threads\": %d",
               redux_version_string(), cpu, redux_cpu_tier(), blas_core(), b->threads);
    else
        printf("libredux %s on %s, tier %s, OpenBLAS kernels: %s%s, threads: %d\n",
               redux_version_string(), cpu, redux_cpu_tier(), blas_core(),
               blas_is_slow() ? " (SKYLAKEX would be faster)" : "", b->threads);
    for (int i = LIMIT_FLOPS; i < LIMIT_KINDS; i++)
        if (json)
            printf(", \"%s\": %.5g", limit_names[i], limits->rate[i] * 1e-9);
        else
            printf("%s%.4g %s", i == LIMIT_FLOPS ? "limits: " : ", ", limits->rate[i] * 1e-9,
                   limit_names[i]);
    printf(json ? "},\n  \"results\": [" : "\n\n");
    fflush(stdout);
}

/* ---- everything ---- */

static bool wanted(const bench_path *path, const settings *s)
{
    return s->filter == NULL || strstr(path->name, s->filter) != NULL;
}

static int choose(row *rows, const settings *s)
{
    int count = 0;
    for (int i = 0; i < train_path_count; i++)
        if (wanted(&train_paths[i], s))
            rows[count++] = (row){.path = &train_paths[i]};
    for (int i = 0; i < objective_path_count; i++)
        if (wanted(&objective_paths[i], s))
            rows[count++] = (row){.path = &objective_paths[i]};
    for (int i = 0; i < metric_path_count; i++)
        if (wanted(&metric_paths[i], s))
            rows[count++] = (row){.path = &metric_paths[i]};
    return count;
}

static bool share_peer(const row *a, const row *b)
{
    return a->path->script != NULL && b->path->script != NULL &&
           strcmp(a->path->script, b->path->script) == 0;
}

/* Measures rows [first, end), which share a peer, or a single row, in turns with the peer. */
static redux_status measure(row *rows, int first, int end, bench *b, const settings *s)
{
    const char *script = s->peer_folders == 0 ? NULL : rows[first].path->script;
    int64_t rounds = script == NULL   ? ROUNDS_ALONE
                     : s->rounds == 0 ? ROUNDS_WITH_PEER + 1
                                      : s->rounds + 1;
    for (int64_t round = 0; round < rounds; round++) {
        peer_rate peers[MOST_PEER_RATES];
        int count = 0;
        for (int i = first; i < end; i++) {
            const redux_status status = sample(&rows[i], b, s->seconds);
            if (status != REDUX_E_UNSUPPORTED) /* a path that this processor lacks has no row */
                TRY(status);
        }
        if (script == NULL && rows[first].seconds > LONG_SAMPLE)
            rounds = rounds < 3 ? rounds : 3;
        if (script == NULL || round == rounds - 1)
            continue;
        const double start = seconds_now();
        for (int i = 0; i < s->peer_folders && count == 0; i++)
            run_peer(peers, &count, s->peers[i], script, b);
        if (s->rounds == 0 && seconds_now() - start > LONG_PEER)
            rounds = 2;
        if (count == 0 && round == 0 && !s->quiet)
            fprintf(stderr, "%s: %s/%s printed no result\n", program_name, s->peers[0], script);
        for (int i = first; i < end; i++)
            take_peer(&rows[i], peers, count);
    }
    return REDUX_OK;
}

static redux_status run_all(bench *b, const settings *s)
{
    static row rows[MOST_PATHS];
    const int count = choose(rows, s);
    bench_limits limits;
    bool first_line = true;
    redux_status status = measure_limits(&limits, b->threads, s->seconds);
    if (status != REDUX_OK)
        return status;
    print_head(&limits, b, s->json);
    for (int first = 0, end; first < count && status == REDUX_OK; first = end) {
        for (end = first + 1; end < count && share_peer(&rows[first], &rows[end]); end++)
            ;
        status = measure(rows, first, end, b, s);
        for (int i = first; i < end && status == REDUX_OK; i++)
            print_row(&rows[i], &limits, b, s->json, &first_line);
    }
    if (s->json)
        printf("\n  ]\n}\n");
    return status;
}

static int set_option(void *user, int option, const char *text)
{
    settings *s = user;
    switch (option) {
    case 't':
        return set_threads(&s->threads, text);
    case 'r':
        return parse_integer(&s->rounds, text, 1, 14)
                   ? EXIT_OK
                   : usage_error("--rounds '%s': expected a whole number, 1 to 14", text);
    case 's':
        return parse_number(&s->seconds, text) && s->seconds > 0 && s->seconds <= 60
                   ? EXIT_OK
                   : usage_error("--seconds '%s': expected a number above 0, up to 60", text);
    case 'f':
        s->filter = text;
        return EXIT_OK;
    case 'p':
        if (s->peer_folders == MOST_PEER_FOLDERS)
            return usage_error("--peers '%s': at most %d folders", text, MOST_PEER_FOLDERS);
        s->peers[s->peer_folders++] = text;
        return EXIT_OK;
    default:
        s->json = s->json || option == 'j';
        s->quiet = s->quiet || option == 'q';
        return EXIT_OK;
    }
}

int main(int argc, char **argv)
{
    static const struct option options[] = {
        {"threads", required_argument, NULL, 't'}, {"rounds", required_argument, NULL, 'r'},
        {"seconds", required_argument, NULL, 's'}, {"filter", required_argument, NULL, 'f'},
        {"peers", required_argument, NULL, 'p'},   {"json", no_argument, NULL, 'j'},
        {"quiet", no_argument, NULL, 'q'},         {"help", no_argument, NULL, 'h'},
        {"version", no_argument, NULL, 'V'},       {NULL, 0, NULL, 0}};
    settings s = {.rounds = 0, .seconds = 0.3};
    bench b = {.context = NULL};
    bool done = false;

    program_start("redux-bench", argv);
    const int wrong = parse_options(argc, argv, options, help, set_option, &s, &done);
    if (wrong != EXIT_OK || done)
        return wrong;
    if (new_context(&b.context, s.threads, true) != REDUX_OK ||
        new_context(&b.single, 1, true) != REDUX_OK)
        return data_error();
    b.threads = redux_context_threads(b.context);
    b.files = argv + optind;
    b.file_count = argc - optind;
    const int code = run_all(&b, &s) == REDUX_OK ? EXIT_OK : data_error();
    free_train_bench(&b);
    free_metric_bench(&b);
    redux_context_free(b.single);
    redux_context_free(b.context);
    return code;
}
