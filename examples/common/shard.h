/* SPDX-License-Identifier: MIT
 * Shared by the programs that do a part of their work (--shard) and by redux-merge. */
#ifndef REDUX_EXAMPLES_SHARD_H
#define REDUX_EXAMPLES_SHARD_H

#include "common.h"

/* --shard and --resume. */
typedef struct shard {
    redux_part_options part;
    bool given, resumes;
} shard;

#define SHARD_NONE                                                                                 \
    {                                                                                              \
        .part = REDUX_PART_OPTIONS_INIT                                                            \
    }

/* Takes --shard's "I/N"; EXIT_OK or EXIT_USAGE. */
int set_shard(shard *s, const char *text);
/* What --shard, --resume and --mpi say together; EXIT_OK or EXIT_USAGE. */
int check_shard(const shard *s);
/* DIR/kept.csv -> DIR/kept.3-of-50.part. */
int shard_path(char *path, size_t size, const shard *s, const char *output);
/* A line on stderr: the part is written, or was there. */
void report_shard(const shard *s, const char *path, bool was_there);

/* The command line without --shard and --resume, and the folder in which it was given, as JSON for
 * a part's note; free it. NULL: no memory, or some of it is not UTF-8 or a control character. */
char *shard_note(const char *program, char **arguments);

/* A note, read back. */
typedef struct shard_command {
    char *program, *folder;
    int count;
    char **arguments; /* [count + 1]: the program, its arguments, NULL */
} shard_command;

/* Reads a note. false: it is none of ours. */
bool shard_command_read(shard_command *out, const char *note);
void shard_command_free(shard_command *command);
/* Prints the command that makes a part, so that a shell understands it. */
void print_shard_command(FILE *out, const shard_command *command, int64_t index, int64_t count);

#endif
