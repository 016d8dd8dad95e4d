/* SPDX-License-Identifier: MIT
 * Shared by the programs: messages, numbers, the progress bar, Ctrl-C, the start. */
#ifndef REDUX_EXAMPLES_COMMON_H
#define REDUX_EXAMPLES_COMMON_H

#include <getopt.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <redux.h>

/* Exit codes of all programs. */
enum { EXIT_OK = 0, EXIT_DATA = 1, EXIT_USAGE = 2, EXIT_INTERRUPTED = 130 };

/* Hands a failure of the library upwards: functions of the programs that can fail return its
 * status, and what they made is released by whoever called them. */
#define TRY(expression)                                                                            \
    do {                                                                                           \
        const redux_status try_status = (expression);                                              \
        if (try_status != REDUX_OK)                                                                \
            return try_status;                                                                     \
    } while (0)

extern const char *program_name;
extern bool program_lacks_memory; /* no_memory sets it */

/* The first call in main. OpenBLAS must run one thread (its bits depend on its thread count) with
 * kernels that fit the CPU. It reads both from the environment when it is loaded, so this sets them
 * and re-executes the program once. Also catches Ctrl-C. */
void program_start(const char *name, char **arguments);

/* Prints "NAME: message" on stderr; returns EXIT_USAGE. */
int usage_error(const char *format, ...) REDUX_PRINTF(1, 2);
/* Prints "NAME: " and libredux's message on stderr; returns EXIT_DATA, or EXIT_INTERRUPTED after
 * Ctrl-C. */
int data_error(void);
/* For a failure that the program finds itself: data_error prints this message. */
redux_status program_fail(redux_status status, const char *format, ...) REDUX_PRINTF(2, 3);
/* REDUX_E_NO_MEMORY, when an allocation of the program's own failed: data_error then says so, for
 * libredux's message is about something else. */
static inline redux_status no_memory(void)
{
    program_lacks_memory = true;
    return REDUX_E_NO_MEMORY;
}

/* Parses all long options. `set` gets each (its `val`) with its value and returns an exit code.
 * --help ('h') and --version ('V') are answered here and set *done. Afterwards optind is the first
 * input. */
typedef int (*set_option_fn)(void *settings, int option, const char *text);
int parse_options(int count, char **arguments, const struct option *options, const char *help,
                  set_option_fn set, void *settings, bool *done);
/* Options that several programs share: --window, --threads. */
int set_window(redux_window *window, const char *text);
int set_threads(int64_t *threads, const char *text);
/* --on-error: 1 for skip, 0 for stop. */
int set_on_error(int32_t *skips, const char *text);

/* Parses the whole text as a number; false (without a message) if it is not one or out of range. */
bool parse_integer(int64_t *out, const char *text, int64_t low, int64_t high);
bool parse_number(double *out, const char *text);

/* --overwrite ('O'), which parse_options sets: outputs may replace files of other kinds too. */
extern bool program_overwrites;
/* Keeps an input from being replaced by an output; NULL: there is none. */
redux_status protect_file(redux_context *context, const char *path);
/* The same for a manifest, with the summary and the exemplars beside it. */
redux_status protect_manifest(redux_context *context, const char *path);

/* A context with a progress bar on a terminal's stderr, unless quiet. threads: 0 means all. */
redux_status new_context(redux_context **out, int64_t threads, bool quiet);
/* Sets the bar's label, and wipes a bar that is showing. */
void progress_label(const char *label);
/* Sets a note beside the bar, until the label changes. */
void progress_note(const char *format, ...) REDUX_PRINTF(1, 2);

/* Shows progress of the program's own work; other than 0 after Ctrl-C. */
int progress_step(int64_t done, int64_t total);
bool program_interrupted(void);

double seconds_now(void);

/* Opens a plain file for reading; NULL, after a message, where it is none or cannot be read. A pipe
 * would make the program wait for ever. */
FILE *open_plain_file(const char *path);

/* Prints text with backslash, tab and line ends as \\, \t, \n, \r, and what else a terminal would
 * take for a command as \xNN; and reads that back in place (false: not such a text). */
void print_escaped(FILE *out, const char *text);
bool unescape_field(char *text);
/* Whether text has nothing that a terminal would take for a command. */
bool is_visible(const char *text);

/* RFC 4180: quoted if necessary. */
void print_csv_field(FILE *out, const char *text);

#endif
