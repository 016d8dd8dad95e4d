/* SPDX-License-Identifier: MIT
 * Sums over a fixed binary tree.
 *
 * A rank adds up its leaves as they come, on a stack: a leaf is added to its left sibling, if the
 * top of the stack is that sibling. Before the last leaf the stack holds nodes that this leaf will
 * join, and below them nodes whose siblings are on other ranks. The rest is the same for every sum,
 * so it is planned once, as a list of steps. A right child goes to the rank that has the first leaf
 * of its parent. The last node of a rank receives its right siblings, from the lowest level up. All
 * ranks finish children before parents, so no ranks wait for each other in a circle.
 *
 * A backward pass finishes the last leaf's values from the last to the first. They are cut into
 * chunks, and each chunk takes the steps as soon as it is final: its messages are begun then, and
 * tested between layers. The sum of a chunk comes back along a chain of all ranks. Two ranks expect
 * each other's messages in the order in which they are sent: nodes go to lower ranks only, sums to
 * the next higher one, and both in the order of chunks. */
#include <string.h>
#include "communicator.h"

#define TILE ((int64_t)1 << 14)  /* floats that one task adds: they fit a cache */
#define CHUNK ((int64_t)1 << 17) /* a message's: long beside latencies, short beside gradients */

enum { AHEAD = 4, MOST_NODES = 128 }; /* chunks received before they are needed; 2 a level */

/* A node: its first leaf, and its level. */
typedef struct node {
    int64_t start;
    int level;
} node;

/* What happens to a chunk of the last leaf's values: a node that waits in a room is added to it, or
 * one that another rank sends; it is sent; or a room is. */
typedef enum step_kind { JOIN, SEND_ROOM, RECEIVE, SEND } step_kind;

typedef struct step {
    step_kind kind;
    int32_t rank;
    int64_t room;
} step;

/* Messages in the order in which they were begun. They count as done in this order, too. */
typedef struct queue {
    rdx_message *messages;
    int64_t begun, done;
} queue;

/* Nodes from others and to them; whole sums from the rank before and to the next one. */
enum { NODES_IN, NODES_OUT, SUMS_IN, SUMS_OUT, QUEUES };

struct rdx_flow {
    step *steps;
    int64_t step_count, receives, sends; /* of a chunk */
    int64_t chunks, final;               /* the k-th chunk is the k-th from the end */
    int64_t chunk, at, taken;            /* where the sum is; nodes received and added */
    int64_t moves;                       /* counts whatever happens */
    double since;                        /* seconds are counted until then */
    float *incoming;                     /* [AHEAD][CHUNK] */
    queue queues[QUEUES];
};

int64_t rdx_tree_bound(const rdx_tree *tree, int64_t rank)
{
    return RDX_MIN(rank, tree->sharing) * tree->leaves / tree->sharing;
}

/* The rank that a leaf belongs to. */
static int32_t owner_of(const rdx_tree *tree, int64_t leaf)
{
    return (int32_t)(((leaf + 1) * tree->sharing - 1) / tree->leaves);
}

/* ---- the plan ---- */

/* Makes a node its parent, if it has a left sibling on the same rank. */
static bool joins(const rdx_tree *tree, node *n)
{
    const int64_t half = (int64_t)1 << n->level;
    if ((n->start & half) == 0 || n->start - half < tree->first)
        return false;
    n->start -= half;
    n->level++;
    return true;
}

/* Whether a node's left sibling is on another rank. */
static bool leaves_rank(const rdx_tree *tree, const node *n)
{
    const int64_t half = (int64_t)1 << n->level;
    return (n->start & half) != 0 && n->start - half < tree->first;
}

/* What waits for this rank's last leaf: the number of nodes, and the most that wait at once. */
static int64_t stack(node *nodes, int64_t *most, const rdx_tree *tree)
{
    int64_t used = 0;
    *most = 0;
    for (int64_t leaf = tree->first; leaf + 1 < tree->end; leaf++) {
        node n = {leaf, 0};
        while (joins(tree, &n))
            used--;
        nodes[used++] = n;
        *most = RDX_MAX(*most, used);
    }
    return used;
}

static void add_step(struct rdx_flow *flow, step_kind kind, int64_t room, int32_t rank)
{
    flow->steps[flow->step_count++] = (step){kind, rank, room};
    flow->receives += kind == RECEIVE;
    flow->sends += kind == SEND || kind == SEND_ROOM;
}

static void send_first(struct rdx_flow *flow, const rdx_tree *tree, const node *nodes, int64_t used)
{
    for (int64_t i = 0; i < used && leaves_rank(tree, &nodes[i]); i++)
        add_step(flow, SEND_ROOM, i,
                 owner_of(tree, nodes[i].start - ((int64_t)1 << nodes[i].level)));
}

/* The last leaf climbs until it is the root, or its parent belongs to another rank. */
static void climb(struct rdx_flow *flow, const rdx_tree *tree, int64_t used)
{
    for (node n = {tree->end - 1, 0};; n.level++) {
        while (joins(tree, &n))
            add_step(flow, JOIN, --used, 0);
        const int64_t half = (int64_t)1 << n.level;
        if (leaves_rank(tree, &n)) {
            add_step(flow, SEND, 0, owner_of(tree, n.start - half));
            return;
        }
        if (n.start == 0 && half >= tree->leaves)
            return;
        if (n.start + half < tree->leaves)
            add_step(flow, RECEIVE, 0, owner_of(tree, n.start + half));
    }
}

/* ---- memory ---- */

static redux_status allocate_queues(struct rdx_flow *flow, redux_context *context)
{
    const int64_t most[QUEUES] = {flow->receives * flow->chunks, flow->sends * flow->chunks,
                                  flow->chunks, flow->chunks};
    int64_t total = 0;
    void *block;
    for (int q = 0; q < QUEUES; q++)
        total += most[q];
    RDX_TRY(rdx_alloc(context, &block, (uint64_t)total, sizeof(rdx_message)));
    for (int q = 0; q < QUEUES; q++) {
        flow->queues[q].messages = block;
        block = flow->queues[q].messages + most[q];
    }
    return REDUX_OK;
}

static redux_status make_flow(rdx_tree *tree, redux_context *context)
{
    node nodes[MOST_NODES];
    void *block;
    const int64_t used = stack(nodes, &tree->depth, tree);
    RDX_TRY(rdx_alloc_zero(context, &block, 1, sizeof *tree->flow));
    struct rdx_flow *flow = tree->flow = block;
    RDX_TRY(rdx_alloc(context, &block, MOST_NODES, sizeof *flow->steps));
    flow->steps = block;
    flow->chunks = (tree->count + CHUNK - 1) / CHUNK;
    if (tree->first < tree->end) {
        send_first(flow, tree, nodes, used);
        climb(flow, tree, used);
    }
    if (flow->receives > 0) {
        RDX_TRY(rdx_alloc(context, &block, AHEAD * CHUNK, sizeof(float)));
        flow->incoming = block;
    }
    return rdx_ranks(context) == 1 ? REDUX_OK : allocate_queues(flow, context);
}

/* Zeros: a rank that failed sends them, so that others do not wait. */
static redux_status make_rooms(rdx_tree *tree, redux_context *context)
{
    void *block;
    RDX_TRY(rdx_alloc_zero(context, &block, (uint64_t)tree->depth + 1, sizeof *tree->rooms));
    tree->rooms = block;
    for (int64_t i = 0; i < tree->depth; i++) {
        RDX_TRY(rdx_alloc_zero(context, &block, (uint64_t)tree->count, sizeof(float)));
        tree->rooms[i] = block;
    }
    return REDUX_OK;
}

redux_status rdx_tree_init(rdx_tree *out, redux_context *context, int64_t leaves, int64_t count)
{
    *out = (rdx_tree){.leaves = leaves, .count = count};
    out->sharing = RDX_MIN(rdx_ranks(context), leaves);
    out->first = rdx_tree_bound(out, rdx_rank(context));
    out->end = rdx_tree_bound(out, rdx_rank(context) + 1);
    redux_status status = make_flow(out, context);
    if (status == REDUX_OK)
        status = make_rooms(out, context);
    if (status != REDUX_OK)
        rdx_tree_clear(out);
    return status;
}

void rdx_tree_clear(rdx_tree *tree)
{
    for (int64_t i = 0; i < tree->depth && tree->rooms != NULL; i++)
        rdx_free(tree->rooms[i]);
    rdx_free(tree->rooms);
    if (tree->flow != NULL) {
        rdx_free(tree->flow->steps);
        rdx_free(tree->flow->incoming);
        rdx_free(tree->flow->queues[0].messages); /* of all queues */
    }
    rdx_free(tree->flow);
    *tree = (rdx_tree){0};
}

/* ---- adding ---- */

typedef struct addition {
    float *sum;
    const float *other;
    int64_t count;
} addition;

static redux_status add_tile(int64_t tile, void *user)
{
    const addition *job = user;
    const int64_t end = RDX_MIN((tile + 1) * TILE, job->count);
    for (int64_t i = tile * TILE; i < end; i++)
        job->sum[i] += job->other[i];
    return REDUX_OK;
}

/* Which of two siblings is added to the other does not matter: a + b is b + a. */
static redux_status add(redux_context *context, float *sum, const float *other, int64_t count)
{
    addition job = {.other = other, .count = count};
    job.sum = sum;
    return rdx_parallel(context, (count + TILE - 1) / TILE, add_tile, &job);
}

redux_status rdx_tree_add(rdx_tree *tree, redux_context *context, float *values, int64_t leaf)
{
    node n = {leaf, 0};
    if (leaf == tree->first)
        tree->used = 0;
    while (joins(tree, &n))
        RDX_TRY(add(context, values, tree->rooms[--tree->used], tree->count));
    memcpy(tree->rooms[tree->used++], values, (size_t)tree->count * sizeof(float));
    return REDUX_OK;
}

/* ---- the last leaf, chunk by chunk ---- */

/* The k-th chunk's floats within `values`. */
static float *chunk_at(const rdx_tree *tree, float *values, int64_t k)
{
    return values + (tree->flow->chunks - 1 - k) * CHUNK;
}

static int64_t chunk_count(const rdx_tree *tree, int64_t k)
{
    return k == 0 ? tree->count - (tree->flow->chunks - 1) * CHUNK : CHUNK;
}

static redux_status begin_send(const rdx_tree *tree, redux_context *context, int q, float *values,
                               int64_t k, int32_t to)
{
    queue *sends = &tree->flow->queues[q];
    const size_t bytes = (size_t)chunk_count(tree, k) * sizeof(float);
    const rdx_purpose purpose = q == NODES_OUT ? RDX_FOR_SUMMING : RDX_FOR_BROADCASTING;
    RDX_TRY(rdx_message_send(&sends->messages[sends->begun++], context, chunk_at(tree, values, k),
                             bytes, to));
    rdx_context_traffic(context)[purpose].bytes_sent += bytes;
    tree->flow->moves++;
    return REDUX_OK;
}

static redux_status begin_receive(const rdx_tree *tree, redux_context *context, int q, float *to,
                                  int64_t k, int32_t from)
{
    queue *receives = &tree->flow->queues[q];
    return rdx_message_receive(&receives->messages[receives->begun++], context, to,
                               (size_t)chunk_count(tree, k) * sizeof(float), from);
}

/* The rank that a chunk's i-th node comes from. */
static int32_t sender_of(const struct rdx_flow *flow, int64_t i)
{
    const step *s = flow->steps;
    for (; s->kind != RECEIVE || i > 0; s++)
        i -= s->kind == RECEIVE;
    return s->rank;
}

/* Nodes are asked for a little before they are needed, so that senders need not wait. */
static redux_status ask_for_nodes(const rdx_tree *tree, redux_context *context)
{
    struct rdx_flow *flow = tree->flow;
    const queue *in = &flow->queues[NODES_IN];
    const int64_t end = RDX_MIN(flow->taken + AHEAD, flow->receives * flow->chunks);
    while (in->begun < end)
        RDX_TRY(begin_receive(tree, context, NODES_IN, flow->incoming + in->begun % AHEAD * CHUNK,
                              in->begun / flow->receives,
                              sender_of(flow, in->begun % flow->receives)));
    return REDUX_OK;
}

static redux_status run_step(const rdx_tree *tree, redux_context *context, float *values,
                             const step *s)
{
    struct rdx_flow *flow = tree->flow;
    const int64_t k = flow->chunk, count = chunk_count(tree, k);
    flow->moves++;
    switch (s->kind) {
    case JOIN:
        return add(context, chunk_at(tree, values, k), chunk_at(tree, tree->rooms[s->room], k),
                   count);
    case RECEIVE:
        return add(context, chunk_at(tree, values, k),
                   flow->incoming + flow->taken++ % AHEAD * CHUNK, count);
    default:
        return begin_send(tree, context, NODES_OUT, s->kind == SEND ? values : tree->rooms[s->room],
                          k, s->rank);
    }
}

static void count_seconds(struct rdx_flow *flow, redux_context *context)
{
    const rdx_purpose purpose = flow->chunk < flow->chunks ? RDX_FOR_SUMMING : RDX_FOR_BROADCASTING;
    const double now = rdx_seconds();
    if (rdx_ranks(context) > 1)
        rdx_context_traffic(context)[purpose].seconds += now - flow->since;
    flow->since = now;
}

/* Goes through the steps of chunk after chunk, as far as they are final and nodes are there. */
static redux_status sum(const rdx_tree *tree, redux_context *context, float *values)
{
    struct rdx_flow *flow = tree->flow;
    for (; flow->chunk < flow->final; flow->chunk++, flow->at = 0, flow->moves++) {
        for (; flow->at < flow->step_count; flow->at++) {
            const step *s = &flow->steps[flow->at];
            if (s->kind == RECEIVE && flow->queues[NODES_IN].done == flow->taken)
                return REDUX_OK;
            RDX_TRY(run_step(tree, context, values, s));
        }
        count_seconds(flow, context);
    }
    return REDUX_OK;
}

/* A chunk's sum replaces this rank's node, once that has been sent. */
static redux_status hand_on(const rdx_tree *tree, redux_context *context, float *values)
{
    const int32_t ranks = rdx_ranks(context), rank = rdx_rank(context);
    struct rdx_flow *flow = tree->flow;
    const queue *in = &flow->queues[SUMS_IN], *out = &flow->queues[SUMS_OUT];
    while (rank > 0 && in->begun < flow->chunk &&
           flow->queues[NODES_OUT].done >= (in->begun + 1) * flow->sends)
        RDX_TRY(begin_receive(tree, context, SUMS_IN, chunk_at(tree, values, in->begun), in->begun,
                              rank - 1));
    while (rank + 1 < ranks && out->begun < (rank > 0 ? in->done : flow->chunk))
        RDX_TRY(begin_send(tree, context, SUMS_OUT, values, out->begun, rank + 1));
    return REDUX_OK;
}

static redux_status look_after(struct rdx_flow *flow, redux_context *context, queue *q)
{
    for (; q->done < q->begun; q->done++, flow->moves++) {
        RDX_TRY(rdx_message_test(&q->messages[q->done], context));
        if (q->messages[q->done].request != NULL)
            break;
    }
    return REDUX_OK;
}

/* Does all that can be done without waiting. */
static redux_status advance(const rdx_tree *tree, redux_context *context, float *values)
{
    struct rdx_flow *flow = tree->flow;
    int64_t before;
    do {
        before = flow->moves;
        RDX_TRY(ask_for_nodes(tree, context));
        for (int q = 0; q < QUEUES; q++)
            RDX_TRY(look_after(flow, context, &flow->queues[q]));
        RDX_TRY(sum(tree, context, values));
        RDX_TRY(hand_on(tree, context, values));
    } while (flow->moves != before);
    return REDUX_OK;
}

/* The oldest message that is not done; NULL: there is none. */
static const rdx_message *waits_for(const struct rdx_flow *flow)
{
    static const int order[QUEUES] = {NODES_IN, SUMS_IN, NODES_OUT, SUMS_OUT};
    for (int i = 0; i < QUEUES; i++) {
        const queue *q = &flow->queues[order[i]];
        if (q->done < q->begun)
            return &q->messages[q->done];
    }
    return NULL;
}

/* Waits until the sum is complete on this rank. A message that is not begun yet needs one that is:
 * the oldest one is therefore what this rank waits for. */
static redux_status wait_for_all(const rdx_tree *tree, redux_context *context, float *values)
{
    rdx_wait wait = {0};
    for (;;) {
        const int64_t before = tree->flow->moves;
        RDX_TRY(advance(tree, context, values));
        const rdx_message *oldest = waits_for(tree->flow);
        if (oldest == NULL)
            return REDUX_OK;
        if (tree->flow->moves != before)
            wait = (rdx_wait){0};
        RDX_TRY(rdx_wait_round(&wait, context, oldest->rank));
    }
}

/* Ready for the next sum; gives up what a failure left. */
static void reset(struct rdx_flow *flow, redux_context *context)
{
    for (int q = 0; q < QUEUES; q++) {
        queue *own = &flow->queues[q];
        for (; own->done < own->begun; own->done++)
            rdx_message_cancel(&own->messages[own->done], context);
        own->begun = own->done = 0;
    }
    flow->final = flow->chunk = flow->at = flow->taken = 0;
}

static redux_status flow_on(const rdx_tree *tree, redux_context *context, float *values,
                            redux_status (*how)(const rdx_tree *tree, redux_context *context,
                                                float *values))
{
    tree->flow->since = rdx_seconds();
    const redux_status status = how(tree, context, values);
    count_seconds(tree->flow, context);
    if (status != REDUX_OK || how == wait_for_all)
        reset(tree->flow, context);
    return rdx_in_step(context, status);
}

redux_status rdx_tree_settle(rdx_tree *tree, redux_context *context, float *values, int64_t from)
{
    tree->flow->final = tree->flow->chunks - (from + CHUNK - 1) / CHUNK;
    return flow_on(tree, context, values, advance);
}

redux_status rdx_tree_finish(rdx_tree *tree, redux_context *context, float *values)
{
    tree->flow->final = tree->flow->chunks;
    return flow_on(tree, context, values, wait_for_all);
}
