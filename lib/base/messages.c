/* SPDX-License-Identifier: MIT
 * Messages under way, and waiting for them.
 *
 * A rank that waits for another one does not know whether that is missing or waits itself, for a
 * third one. So from half of the time limit on it asks by a note, and follows the answers. Ranks
 * answer while they wait: one that does not is the one that all wait for. It works for too long, is
 * stopped, or is gone. */
#include <time.h>
#include <redux/communicator.h>
#include "communicator.h"

static const redux_communicator *of(const redux_context *context)
{
    return rdx_context_communicator(context);
}

double rdx_now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + 1e-9 * (double)time.tv_nsec;
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

/* The ranks of all are in one byte order, or did not get this far. */
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
    wait->asked = rdx_now();
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

/* Not a message that begins with "rank", which only reports what another one said (rdx_agree). */
static redux_status name_missing(const rdx_wait *wait, const redux_communicator *c, int32_t rank)
{
    return rdx_fail(REDUX_E_IO, "out of time: rank %d did not answer for %g seconds: %s",
                    (int)(c->hear == NULL ? rank : wait->suspect), c->time_limit,
                    c->hear == NULL ? "it is gone, or waits for one that is"
                                    : "it is gone or stopped, or works for longer than the limit");
}

/* The suspect at the time limit has had at least this share of it to answer. */
#define GRACE 0.125

static redux_status look_around(rdx_wait *wait, redux_context *context, int32_t rank)
{
    const redux_communicator *c = of(context);
    const double waited = rdx_now() - wait->start;
    RDX_TRY(rdx_progress_poll(context));
    if (c->hear != NULL) {
        RDX_TRY(hear_notes(wait, context, rank));
        if (wait->asked <= 0 && waited > c->time_limit / 2)
            RDX_TRY(ask(wait, context, rank));
    }
    if (waited <= c->time_limit)
        return REDUX_OK;
    if (c->hear != NULL && rdx_now() - wait->asked < GRACE * c->time_limit &&
        waited < 2 * c->time_limit)
        return REDUX_OK;
    return name_missing(wait, c, rank);
}

redux_status rdx_wait_round(rdx_wait *wait, redux_context *context, int32_t rank)
{
    if (wait->round == 0)
        wait->start = rdx_now();
    if (wait->round % 64 == 63)
        RDX_TRY(look_around(wait, context, rank));
    pause_briefly(wait->round++);
    return REDUX_OK;
}
