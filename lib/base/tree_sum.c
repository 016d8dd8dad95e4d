/* SPDX-License-Identifier: MIT
 * Sums over a fixed binary tree.
 *
 * A rank adds its leaves up as they come, with a stack: a leaf meets its left sibling on top of it,
 * if that belongs to this rank. What is left then are nodes whose siblings are on other ranks.
 * Those that are second children go to the rank of their first leaf, in order; the last node
 * receives its siblings from there on. Children are always finished before their parents, on all
 * ranks, so that nobody waits in a circle. Every rank adds up all of its leaves before its first
 * message, so that they do so at the same time. */
#include <string.h>
#include "communicator.h"

/* A node on the stack: its first leaf, and its level. */
struct rdx_node {
    int64_t start;
    int level;
};

#define TILE ((int64_t)1 << 16) /* floats that one task adds: they fit a cache */

int64_t rdx_tree_bound(const rdx_tree *tree, int64_t rank)
{
    return RDX_MIN(rank, tree->sharing) * tree->leaves / tree->sharing;
}

/* The rank that a leaf belongs to. */
static int32_t owner_of(const rdx_tree *tree, int64_t leaf)
{
    return (int32_t)(((leaf + 1) * tree->sharing - 1) / tree->leaves);
}

/* Whether a node has its left sibling on the same rank: where that one begins. */
static bool joins(const rdx_tree *tree, const struct rdx_node *node)
{
    const int64_t half = (int64_t)1 << node->level;
    return (node->start & half) != 0 && node->start - half >= tree->first;
}

/* The most nodes that wait at once; one more takes up what others send. */
static int64_t depth_of(const rdx_tree *tree)
{
    int64_t depth = 0, most = 0;
    for (int64_t leaf = tree->first; leaf < tree->end; leaf++) {
        struct rdx_node node = {leaf, 0};
        for (; joins(tree, &node); node.level++, depth--)
            node.start -= (int64_t)1 << node.level;
        most = RDX_MAX(most, tree->sharing > 1 || leaf + 1 < tree->end ? depth + 1 : depth);
        depth++;
    }
    return most;
}

redux_status rdx_tree_init(rdx_tree *out, redux_context *context, int64_t leaves, int64_t count)
{
    void *block;
    *out = (rdx_tree){.leaves = leaves, .count = count};
    out->sharing = RDX_MIN(rdx_ranks(context), leaves);
    out->first = rdx_tree_bound(out, rdx_rank(context));
    out->end = rdx_tree_bound(out, rdx_rank(context) + 1);
    out->depth = depth_of(out);
    RDX_TRY(rdx_alloc_zero(context, &block, (uint64_t)out->depth, sizeof *out->rooms));
    out->rooms = block;
    redux_status status = rdx_alloc(context, &block, (uint64_t)out->depth + 1, sizeof *out->nodes);
    out->nodes = block;
    for (int64_t i = 0; i < out->depth && status == REDUX_OK; i++) {
        status = rdx_alloc(context, &block, (uint64_t)count, sizeof(float));
        out->rooms[i] = block;
    }
    if (status != REDUX_OK)
        rdx_tree_clear(out);
    return status;
}

void rdx_tree_clear(rdx_tree *tree)
{
    for (int64_t i = 0; i < tree->depth && tree->rooms != NULL; i++)
        rdx_free(tree->rooms[i]);
    rdx_free(tree->rooms);
    rdx_free(tree->nodes);
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
static redux_status add(const rdx_tree *tree, redux_context *context, float *sum,
                        const float *other)
{
    addition job = {.other = other, .count = tree->count};
    job.sum = sum;
    return rdx_parallel(context, (tree->count + TILE - 1) / TILE, add_tile, &job);
}

/* Joins `node`, whose sum is in `values`, with what waits for it. */
static redux_status join(rdx_tree *tree, redux_context *context, float *values,
                         struct rdx_node *node)
{
    for (; joins(tree, node); node->level++) {
        node->start -= (int64_t)1 << node->level;
        RDX_TRY(add(tree, context, values, tree->rooms[--tree->used]));
    }
    return REDUX_OK;
}

redux_status rdx_tree_add(rdx_tree *tree, redux_context *context, float *values, int64_t leaf)
{
    struct rdx_node node = {leaf, 0};
    if (leaf == tree->first)
        tree->used = 0;
    RDX_TRY(join(tree, context, values, &node));
    tree->nodes[tree->used] = node;
    if (leaf + 1 < tree->end)
        memcpy(tree->rooms[tree->used++], values, (size_t)tree->count * sizeof(float));
    return REDUX_OK;
}

/* ---- with other ranks ---- */

static uint64_t bytes_of(const rdx_tree *tree)
{
    return (uint64_t)tree->count * sizeof(float);
}

static redux_status send_node(const rdx_tree *tree, redux_context *context, const float *values,
                              const struct rdx_node *node)
{
    const int64_t sibling = node->start - ((int64_t)1 << node->level);
    return rdx_send(context, values, bytes_of(tree), owner_of(tree, sibling));
}

/* Whether a node's left sibling is on another rank. */
static bool leaves_rank(const rdx_tree *tree, const struct rdx_node *node)
{
    return (node->start >> node->level & 1) != 0 && !joins(tree, node);
}

/* Nodes at the bottom of the stack that no other of this rank joins. */
static redux_status send_first(rdx_tree *tree, redux_context *context)
{
    int64_t sent = 0;
    for (; sent < tree->used && leaves_rank(tree, &tree->nodes[sent]); sent++)
        RDX_TRY(send_node(tree, context, tree->rooms[sent], &tree->nodes[sent]));
    for (int64_t i = 0; i < sent; i++) { /* their rooms go to the end */
        float *room = tree->rooms[0];
        memmove(tree->rooms, tree->rooms + 1, (size_t)(tree->depth - 1) * sizeof *tree->rooms);
        tree->rooms[tree->depth - 1] = room;
        memmove(tree->nodes, tree->nodes + 1, (size_t)tree->used * sizeof *tree->nodes);
        tree->used--;
    }
    return REDUX_OK;
}

/* The last node climbs until it is the root, or belongs to another rank. */
static redux_status climb(rdx_tree *tree, redux_context *context, float *values)
{
    struct rdx_node node = tree->nodes[tree->used];
    for (;;) {
        RDX_TRY(join(tree, context, values, &node));
        const int64_t sibling = node.start + ((int64_t)1 << node.level);
        if (leaves_rank(tree, &node))
            return send_node(tree, context, values, &node);
        if (node.start == 0 && sibling >= tree->leaves)
            return REDUX_OK;
        if (sibling < tree->leaves) {
            float *room = tree->rooms[tree->used];
            RDX_TRY(rdx_receive(context, room, bytes_of(tree), owner_of(tree, sibling)));
            RDX_TRY(add(tree, context, values, room));
        }
        node.level++;
    }
}

redux_status rdx_tree_finish(rdx_tree *tree, redux_context *context, float *values)
{
    if (tree->first < tree->end) {
        RDX_TRY(send_first(tree, context));
        RDX_TRY(rdx_in_step(context, climb(tree, context, values)));
    }
    return rdx_broadcast(context, values, bytes_of(tree));
}
