/* SPDX-License-Identifier: MIT
 * Work on numbered items, shared out to ranks. What is computed for an item does not depend on
 * which rank does it, so that the results are those of one process. */
#include "communicator.h"

/* Where the results of an item begin. */
static int64_t start_of(const rdx_spread *s, int64_t item)
{
    return s->starts == NULL ? item : s->starts[item];
}

/* The first item of a rank: about as many results come before it as before those of its equals. */
static int64_t cut(const rdx_spread *s, int32_t rank)
{
    const int32_t ranks = rdx_ranks(s->context);
    const double wanted = (double)start_of(s, s->count) * rank / ranks;
    int64_t low = 0, high = s->count;
    if (rank == ranks)
        return s->count;
    while (low < high) {
        const int64_t middle = low + (high - low) / 2;
        if ((double)start_of(s, middle) < wanted)
            low = middle + 1;
        else
            high = middle;
    }
    return low / s->unit * s->unit;
}

void rdx_spread_begin(rdx_spread *s)
{
    s->together = s->together && rdx_ranks(s->context) > 1;
    if (s->unit < 1)
        s->unit = 1;
    s->first = s->together ? cut(s, rdx_rank(s->context)) : 0;
    s->end = s->together ? cut(s, rdx_rank(s->context) + 1) : s->count;
}

typedef struct own_job {
    int64_t first;
    rdx_task_fn task;
    void *user;
} own_job;

static redux_status own_task(int64_t index, void *user)
{
    const own_job *job = user;
    return job->task(job->first + index, job->user);
}

redux_status rdx_spread_run(const rdx_spread *s, rdx_task_fn task, void *user)
{
    own_job job = {s->first / s->unit, task, user};
    const int64_t end = (s->end + s->unit - 1) / s->unit;
    return rdx_spread_end(s, rdx_parallel(s->context, end - job.first, own_task, &job));
}

redux_status rdx_spread_end(const rdx_spread *s, redux_status status)
{
    return s->together ? rdx_agree(s->context, status) : status;
}

static redux_status gather(const rdx_spread *s, char *results, size_t size)
{
    const int32_t ranks = rdx_ranks(s->context);
    void *memory;
    RDX_TRY(rdx_alloc(s->context, &memory, (uint64_t)ranks, sizeof(char *) + sizeof(uint64_t)));
    char **blocks = memory;
    uint64_t *sizes = (uint64_t *)(blocks + ranks);
    for (int32_t r = 0; r < ranks; r++) {
        const int64_t first = start_of(s, cut(s, r)), end = start_of(s, cut(s, r + 1));
        blocks[r] = results + (size_t)first * size;
        sizes[r] = (uint64_t)(end - first) * size;
    }
    const redux_status status = rdx_gather_blocks(s->context, blocks, sizes);
    rdx_free(memory);
    return status;
}

redux_status rdx_spread_gather(const rdx_spread *s, void *results, size_t size)
{
    return s->together ? rdx_in_step(s->context, gather(s, results, size)) : REDUX_OK;
}
