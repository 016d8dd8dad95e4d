/* SPDX-License-Identifier: MIT
 * redux-report: manifests as a page to look at. */
#include <stdio.h>
#include <string.h>
#include <time.h>
#include "report.h"

static const char help[] =
    "Usage: redux-report [options] [MANIFEST...] --out FILE.html\n"
    "\n"
    "Make one HTML file from manifests (CSV, with the JSON beside each): what was kept, scores "
    "and\n"
    "threshold, volumes with their similarity matrices, pairs at the threshold, slices that\n"
    "replace many others, leaks between sets. The page works offline, without scripts, and prints\n"
    "well. Without a manifest it shows what --training and --experiment name.\n"
    "\n"
    "  --out FILE           the page; written whole or not at all\n"
    "  --title TEXT         its title\n"
    "  --data FOLDER        where the manifests' files are now; nothing outside it is opened\n"
    "  --embeddings FILE    .npy with one row for each slice of the manifest (redux-embed): a map "
    "of\n"
    "                       them, for a page of one manifest\n"
    "  --labels FILE.csv    colours for the map: a table with the columns file and, if need be, "
    "slice\n"
    "  --label COLUMN       its classes (default: label)\n"
    "  --window NAME        of the pictures: slice, full, lung, mediastinum, abdomen, bone, brain\n"
    "                       or LO:HI (HU); default: the manifest's\n"
    "  --volumes N          volumes shown with pictures (default 12, fewer if there are many)\n"
    "  --gallery N          pairs, exemplars and leaks shown, 0 to 24 (default 8)\n"
    "  --matrix N           slices of a similarity matrix, 0 (none) to 128 (default 48)\n"
    "  --curve N            reduce again at N thresholds for the curve (default 9 if there are up\n"
    "                       to 2,000 slices or it takes about 15 s by the manifest's own time,\n"
    "                       else from the recorded scores)\n"
    "  --no-curve           no curve\n"
    "  --no-pictures        use the manifest alone; do not read the data\n"
    "  --training RUN       add the curve of a redux-pretrain run (folder or log.csv); repeatable\n"
    "  --experiment DIR     add tables with error bars of an experiment (folder or table.json)\n"
    "  --overwrite          replace a file that is no report; inputs never are\n"
    "  --threads N          0 (default): all\n"
    "  --quiet              no progress, no messages\n"
    "  --help, --version\n"
    "\n"
    "Examples:\n"
    "  redux-reduce --strategy hash scans/ --manifest kept.csv\n"
    "  redux-report kept.csv --out kept.html\n"
    "  redux-report kept.csv --window mediastinum --data /mnt/scans --out kept.html\n"
    "  redux-report kept.csv --embeddings all.npy --labels labels.csv --out kept.html\n"
    "  redux-report --training runs/simclr --out training.html\n"
    "  redux-report hash.csv ssim.csv --experiment runs/e1 --training runs/simclr --out all.html\n"
    "\n"
    "Exit status: 0 done, 1 unusable data or failure to write, 2 wrong usage, 130 interrupted.\n";

enum {
    OPTION_OUT = 256,
    OPTION_TITLE,
    OPTION_DATA,
    OPTION_EMBEDDINGS,
    OPTION_LABELS,
    OPTION_LABEL,
    OPTION_WINDOW,
    OPTION_VOLUMES,
    OPTION_GALLERY,
    OPTION_MATRIX,
    OPTION_CURVE,
    OPTION_NO_CURVE,
    OPTION_NO_PICTURES,
    OPTION_TRAINING,
    OPTION_EXPERIMENT,
    OPTION_THREADS,
    OPTION_QUIET
};

static const struct option long_options[] = {
    {"out", required_argument, NULL, OPTION_OUT},
    {"title", required_argument, NULL, OPTION_TITLE},
    {"data", required_argument, NULL, OPTION_DATA},
    {"embeddings", required_argument, NULL, OPTION_EMBEDDINGS},
    {"labels", required_argument, NULL, OPTION_LABELS},
    {"label", required_argument, NULL, OPTION_LABEL},
    {"window", required_argument, NULL, OPTION_WINDOW},
    {"volumes", required_argument, NULL, OPTION_VOLUMES},
    {"gallery", required_argument, NULL, OPTION_GALLERY},
    {"matrix", required_argument, NULL, OPTION_MATRIX},
    {"curve", required_argument, NULL, OPTION_CURVE},
    {"no-curve", no_argument, NULL, OPTION_NO_CURVE},
    {"no-pictures", no_argument, NULL, OPTION_NO_PICTURES},
    {"training", required_argument, NULL, OPTION_TRAINING},
    {"experiment", required_argument, NULL, OPTION_EXPERIMENT},
    {"threads", required_argument, NULL, OPTION_THREADS},
    {"overwrite", no_argument, NULL, 'O'},
    {"quiet", no_argument, NULL, OPTION_QUIET},
    {"help", no_argument, NULL, 'h'},
    {"version", no_argument, NULL, 'V'},
    {NULL, 0, NULL, 0}};

static int set_count(int64_t *out, const char *option, const char *text, int64_t low, int64_t high)
{
    if (!parse_integer(out, text, low, high))
        return usage_error("--%s '%s': expected a whole number, %lld to %lld", option, text,
                           (long long)low, (long long)high);
    return EXIT_OK;
}

static int add_text(const char **list, int64_t *count, int64_t most, const char *option,
                    const char *text)
{
    if (*count == most)
        return usage_error("--%s: at most %lld", option, (long long)most);
    list[(*count)++] = text;
    return EXIT_OK;
}

static int set_option(void *user, int option, const char *text)
{
    report_settings *s = user;
    switch (option) {
    case OPTION_OUT:
        s->out = text;
        return EXIT_OK;
    case OPTION_TITLE:
        s->title = text;
        return EXIT_OK;
    case OPTION_DATA:
        s->folder = text;
        return EXIT_OK;
    case OPTION_EMBEDDINGS:
        s->embeddings = text;
        return EXIT_OK;
    case OPTION_LABELS:
        s->labels = text;
        return EXIT_OK;
    case OPTION_LABEL:
        s->label = text;
        return EXIT_OK;
    case OPTION_WINDOW:
        return set_window(&s->window, text);
    case OPTION_VOLUMES:
        return set_count(&s->volumes, "volumes", text, 0, 100);
    case OPTION_GALLERY:
        return set_count(&s->gallery, "gallery", text, 0, MOST_ITEMS);
    case OPTION_MATRIX:
        return set_count(&s->matrix, "matrix", text, 0, 128);
    case OPTION_CURVE:
        return set_count(&s->curve, "curve", text, 2, 64);
    case OPTION_NO_CURVE:
        s->curve = 0;
        return EXIT_OK;
    case OPTION_NO_PICTURES:
        s->no_pictures = true;
        return EXIT_OK;
    case OPTION_TRAINING:
        return add_text(s->training, &s->training_count, 16, "training", text);
    case OPTION_EXPERIMENT:
        return add_text(s->experiment, &s->experiment_count, 8, "experiment", text);
    case OPTION_THREADS:
        return set_threads(&s->threads, text);
    default:
        s->quiet = true;
        return EXIT_OK;
    }
}

/* Manifests and options in any order, as getopt permutes them. */
static int parse_arguments(report_settings *s, int count, char **arguments, bool *done)
{
    const int code = parse_options(count, arguments, long_options, help, set_option, s, done);
    if (code != EXIT_OK || *done)
        return code;
    const int64_t manifests = count - optind;
    if (manifests == 0 && s->training_count == 0 && s->experiment_count == 0)
        return usage_error("no manifest, and no --training or --experiment");
    if (s->out == NULL)
        return usage_error("no --out FILE.html");
    if (s->embeddings != NULL && manifests != 1)
        return usage_error("--embeddings needs one manifest, and there are %lld: make a page "
                           "for each",
                           (long long)manifests);
    if (s->labels != NULL && s->embeddings == NULL)
        return usage_error("--labels colours the map of --embeddings FILE.npy");
    if (s->label != NULL && s->labels == NULL)
        return usage_error("--label names a column of --labels FILE.csv");
    if (s->title == NULL)
        s->title = manifests > 0 ? "What was kept, and what was cut" : "Training and experiments";
    if (s->volumes < 0)
        s->volumes = manifests < 1 ? 0 : manifests < 6 ? 12 / manifests : 2;
    if (s->gallery < 0)
        s->gallery = manifests < 1 ? 0 : manifests < 4 ? 8 / manifests : 2;
    return EXIT_OK;
}

/* ---- the page ---- */

static void put_link(page *p, const char *id, const char *name)
{
    put(p, "<li><a href=\"#%s\">", id);
    put_text(p, name);
    put(p, "</a></li>");
}

/* Links to the parts of a page of one manifest. */
static void put_parts_nav(page *p, const report_settings *s, const report_data *data)
{
    bool has_pairs = false;
    for (int64_t i = 0; s->gallery > 0 && i < data->count && !has_pairs; i++)
        has_pairs = data->rows[i].witness >= 0;
    put_link(p, "set1", "Overview");
    if (data->leaked > 0)
        put_link(p, "leaks1", "Leaks");
    if (has_pairs)
        put_link(p, "pairs1", report_pairs_title(data));
    put_link(p, "scores1", "Scores");
    if (data->embeddings.data != NULL && data->count > 1)
        put_link(p, "map1", "Map");
    put_link(p, "volumes1", "Volumes");
    put_link(p, "gallery1", "Gallery");
    put_link(p, "made1", "How it was made");
}

/* `only`: the one manifest of the page; NULL: there are several, or none. */
static void put_nav(page *p, const report_settings *s, const report_data *only, char **manifests,
                    int count)
{
    put(p, "<nav aria-label=\"Parts of the report\"><ul>");
    if (only != NULL)
        put_parts_nav(p, s, only);
    else if (count > 1)
        put_link(p, "side", "Side by side");
    for (int i = 0; i < count && only == NULL; i++) {
        char id[32];
        snprintf(id, sizeof id, "set%d", i + 1);
        put_link(p, id, short_name(manifests[i]));
    }
    if (s->training_count > 0)
        put_link(p, "training", "Training");
    if (s->experiment_count > 0)
        put_link(p, "experiment", "Experiment");
    put(p, "</ul></nav>\n");
}

static void put_names(page *p, const char *const *names, int64_t count, bool *is_first)
{
    for (int64_t i = 0; i < count; i++) {
        put_text(p, *is_first ? "" : ", ");
        put_text(p, names[i]);
        *is_first = false;
    }
}

static void put_header(page *p, const report_settings *s, const report_data *only, char **manifests,
                       int count)
{
    char day[32] = "";
    bool is_first = true;
    const time_t now = time(NULL);
    struct tm date;
    if (gmtime_r(&now, &date) != NULL)
        strftime(day, sizeof day, "%Y-%m-%d", &date);
    put(p, "<header><h1 class=\"name\">");
    put_text(p, s->title);
    put(p, "</h1>\n<p class=\"soft name\">");
    put_names(p, (const char *const *)manifests, count, &is_first);
    if (count == 0) {
        put_names(p, s->training, s->training_count, &is_first);
        put_names(p, s->experiment, s->experiment_count, &is_first);
    }
    put(p, " &middot; %s</p></header>\n", day);
    put_nav(p, s, only, manifests, count);
    put(p, "<main id=\"main\">\n");
}

static redux_status read_pictures(report_pictures *pictures, const report_gallery *gallery,
                                  redux_context *context, report_data *data,
                                  const report_settings *s)
{
    if (s->no_pictures || data->count == 0) {
        for (int64_t v = 0; v < data->own_volumes && v < s->volumes; v++)
            data->volumes[v].is_shown = true;
        return REDUX_OK;
    }
    TRY(choose_volumes(pictures, data, s));
    TRY(gallery_want(pictures, gallery, data));
    TRY(report_pictures_read(pictures, context, data, s));
    return report_pictures_flagged(pictures, context, data, s, SIDE_SMALL);
}

static redux_status put_parts(page *p, redux_context *context, report_data *data,
                              report_pictures *pictures, const report_settings *s, int64_t number,
                              int64_t total)
{
    report_gallery gallery;
    report_curve curve;
    TRY(gallery_choose(&gallery, data, s));
    TRY(read_pictures(pictures, &gallery, context, data, s));
    TRY(report_curve_make(&curve, context, data, s));
    progress_label("writing");
    return section_manifest(p, context, data, &curve, &gallery, pictures, s, number, total);
}

static redux_status put_manifest(page *p, redux_context *context, report_data *data,
                                 const report_settings *s, int64_t number, int64_t total)
{
    report_pictures pictures = {.list = NULL};
    const redux_status status = put_parts(p, context, data, &pictures, s, number, total);
    report_pictures_free(&pictures);
    return status;
}

static int load_manifest(report_data *data, redux_context *context, const report_settings *s,
                         const char *path)
{
    const int code = report_data_load(data, context, path);
    return code == EXIT_OK ? report_map_load(data, context, s) : code;
}

/* Several manifests, one after the other in memory. */
static int put_manifests(page *p, redux_context *context, const report_settings *s,
                         char **manifests, int count)
{
    int code = section_comparison(p, context, manifests, count);
    for (int i = 0; i < count && code == EXIT_OK; i++) {
        report_data data;
        code = load_manifest(&data, context, s, manifests[i]);
        if (code == EXIT_OK && put_manifest(p, context, &data, s, i + 1, count) != REDUX_OK)
            code = data_error();
        report_data_free(&data);
    }
    return code;
}

static int put_sections(page *p, redux_context *context, const report_settings *s,
                        report_data *only, char **manifests, int count)
{
    int code = EXIT_OK;
    page_begin(p, s->title);
    put_header(p, s, only, manifests, count);
    if (count > 1)
        code = put_manifests(p, context, s, manifests, count);
    else if (only != NULL && put_manifest(p, context, only, s, 1, 1) != REDUX_OK)
        code = data_error();
    if (code == EXIT_OK)
        code = section_training(p, s);
    if (code == EXIT_OK)
        code = section_experiment(p, s);
    put(p,
        "</main>\n<footer>Made by redux-report %s. Pictures are for looking, not for "
        "diagnosis.</footer>\n",
        redux_version_string());
    page_end(p);
    return code == EXIT_OK && program_interrupted() ? data_error() : code;
}

static int put_page(page *p, redux_context *context, const report_settings *s, char **manifests,
                    int count)
{
    report_data only;
    if (count != 1)
        return put_sections(p, context, s, NULL, manifests, count);
    int code = load_manifest(&only, context, s, manifests[0]);
    if (code == EXIT_OK)
        code = put_sections(p, context, s, &only, manifests, count);
    report_data_free(&only);
    return code;
}

/* ---- the file ---- */

typedef struct printing {
    redux_context *context;
    const report_settings *settings;
    char **manifests;
    int count;
    int code; /* of the program: its message has been printed where it is not EXIT_OK */
    int64_t size;
} printing;

static redux_status print_page(FILE *stream, void *user)
{
    printing *w = user;
    page p = {.file = stream};
    w->code = put_page(&p, w->context, w->settings, w->manifests, w->count);
    w->size = (int64_t)ftello(stream);
    return w->code == EXIT_OK ? REDUX_OK : REDUX_E_CANCELLED;
}

static redux_status protect_inputs(redux_context *context, const report_settings *s,
                                   char **manifests, int count)
{
    for (int i = 0; i < count; i++)
        TRY(protect_manifest(context, manifests[i]));
    TRY(protect_file(context, s->embeddings));
    TRY(protect_file(context, s->labels));
    for (int64_t i = 0; i < s->training_count; i++)
        TRY(protect_file(context, s->training[i]));
    for (int64_t i = 0; i < s->experiment_count; i++)
        TRY(protect_file(context, s->experiment[i]));
    return REDUX_OK;
}

static int write_page(redux_context *context, const report_settings *s, char **manifests, int count)
{
    printing w = {context, s, manifests, count, EXIT_OK, 0};
    redux_status status = protect_inputs(context, s, manifests, count);
    if (status == REDUX_OK)
        status = redux_file_save(s->out, context, "name=\"generator\" content=\"redux-report",
                                 print_page, &w);
    if (w.code == EXIT_OK && status != REDUX_OK)
        w.code = data_error();
    progress_label(NULL);
    if (w.code == EXIT_OK && !s->quiet && w.size > 0)
        fprintf(stderr, "%s: %s: %.1f MB\n", program_name, s->out, (double)w.size / 1e6);
    return w.code;
}

int main(int count, char **arguments)
{
    report_settings s = {.volumes = -1, .gallery = -1, .matrix = 48, .curve = -1};
    redux_context *context = NULL;
    bool done = false;
    program_start("redux-report", arguments);
    int code = parse_arguments(&s, count, arguments, &done);
    if (code != EXIT_OK || done)
        return code;
    if (new_context(&context, s.threads, s.quiet) != REDUX_OK)
        return data_error();
    code = write_page(context, &s, arguments + optind, count - optind);
    redux_context_free(context);
    return code;
}
