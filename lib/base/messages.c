/* SPDX-License-Identifier: MIT
 * Messages under way, and waiting for them.
 *
 * A rank that gets no message cannot know whether the sender is missing, or itself waits for a
 * third rank. After half of the time limit it asks by a note, and follows the answers from rank to
 * rank. Ranks answer while they wait. So the rank that does not answer is the one that all wait
 * for: it is stopped or gone, or works for longer than the limit. */
#include <time.h>
#include <redux/communicator.h>
#include "communicator.h"

static const redux_communicator *of(const redux_context *context)
{
    return rdx_context_communicator(context);
}

/* A communicator's functions may fail without a message. */
static redux_status passed(redux_status status, uint64_t messages, const rdx_message *m)
{
    return status == REDUX_OK || rdx_messages() != messages
               ? status
               : rdx_fail(status, "the communicator failed to %s rank %d",
                          m->is_sent ? "send to" : "receive from", (int)m->rank);
}

redux_status rdx_message_send(rdx_message *out, redux_context *context, const void *bytes,
                              size_t size, int32_t to)
{
    const uint64_t messages = rdx_messages();
    const redux_communicator *c = of(context);
    *out = (rdx_message){.rank = to, .is_sent = true};
    return passed(c->send(&out->request, bytes, size, to, c->user), messages, out);
}

redux_status rdx_message_receive(rdx_message *out, redux_context *context, void *bytes, size_t size,
                                 int32_t from)
{
    const uint64_t messages = rdx_messages();
    const redux_communicator *c = of(context);
    *out = (rdx_message){.rank = from};
    return passed(c->receive(&out->request, bytes, size, from, c->user), messages, out);
}

redux_status rdx_message_test(rdx_message *message, redux_context *context)
{
    const uint64_t messages = rdx_messages();
    const redux_communicator *c = of(context);
    int32_t done = 0;
    if (message->request == NULL)
        return REDUX_OK;
    RDX_TRY(passed(c->test(&done, message->request, c->user), messages, message));
    if (done)
        message->request = NULL;
    return REDUX_OK;
}

void rdx_message_cancel(rdx_message *message, redux_context *context)
{
    const redux_communicator *c = of(context);
    if (message->request != NULL)
        c->cancel(message->request, c->user);
    message->request = NULL;
}

/* ---- waiting ---- */

/* The first rounds do not sleep, since messages on one machine take microseconds. */
static void pause_briefly(int64_t round)
{
    const struct timespec time = {0, round < 2000 ? 1000 : 500000};
    if (round > 200)
        nanosleep(&time, NULL);
}

/* In the byte order of the machine: ranks of different byte orders were refused at the start. */
typedef struct note {
    int32_t kind; /* ASK, ANSWER */
    int32_t rank; /* ANSWER: whom its sender waits for */
} note;

_Static_assert(sizeof(note) == REDUX_NOTE_SIZE, "what communicators pass");

enum { ASK = 1, ANSWER = 2 };

static redux_status tell(redux_context *context, int32_t kind, int32_t rank, int32_t to)
{
    const redux_communicator *c = of(context);
    const note n = {kind, rank};
    return to == c->rank ? REDUX_OK : c->tell(&n, to, c->user);
}

static redux_status ask(rdx_wait *wait, redux_context *context, int32_t rank)
{
    wait->suspect = rank;
    wait->asked = rdx_seconds();
    return tell(context, ASK, 0, rank);
}

/* Answers that this rank waits for `rank`, and follows what it hears of the suspect. */
static redux_status hear_notes(rdx_wait *wait, redux_context *context, int32_t rank)
{
    const redux_communicator *c = of(context);
    for (;;) {
        note n = {0};
        int32_t from = -1;
        RDX_TRY(c->hear(&from, &n, c->user));
        if (from < 0)
            return REDUX_OK;
        if (n.kind == ASK)
            RDX_TRY(tell(context, ANSWER, rank, from));
        else if (wait->asked > 0 && from == wait->suspect && n.rank >= 0 && n.rank < c->size)
            RDX_TRY(ask(wait, context, n.rank == c->rank ? rank : n.rank));
    }
}

/* The message must not begin with "rank": those repeat what another rank said (rdx_agree), and
 * programs print them once. */
static redux_status name_missing(const rdx_wait *wait, const redux_communicator *c, int32_t rank)
{
    return rdx_fail(REDUX_E_IO, "out of time: rank %d did not answer for %g seconds: %s",
                    (int)(c->hear == NULL ? rank : wait->suspect), c->time_limit,
                    c->hear == NULL ? "it is gone, or waits for one that is"
                                    : "it is gone or stopped, or works for longer than the limit");
}

/* The share of the time limit that a suspect gets to answer, even beyond the limit. */
#define GRACE 0.125

static redux_status look_around(rdx_wait *wait, redux_context *context, int32_t rank)
{
    const redux_communicator *c = of(context);
    const double waited = rdx_seconds() - wait->start;
    RDX_TRY(rdx_progress_poll(context));
    if (c->hear != NULL) {
        RDX_TRY(hear_notes(wait, context, rank));
        if (wait->asked <= 0 && waited > c->time_limit / 2)
            RDX_TRY(ask(wait, context, rank));
    }
    if (waited <= c->time_limit)
        return REDUX_OK;
    if (c->hear != NULL && rdx_seconds() - wait->asked < GRACE * c->time_limit &&
        waited < 2 * c->time_limit)
        return REDUX_OK;
    return name_missing(wait, c, rank);
}

redux_status rdx_wait_round(rdx_wait *wait, redux_context *context, int32_t rank)
{
    if (wait->round == 0)
        wait->start = rdx_seconds();
    if (wait->round % 64 == 63)
        RDX_TRY(look_around(wait, context, rank));
    pause_briefly(wait->round++);
    return REDUX_OK;
}
