/* SPDX-License-Identifier: MIT
 * Messages under way, and waiting for them. */
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

redux_status rdx_wait_round(rdx_wait *wait, redux_context *context, int32_t rank)
{
    const double limit = of(context)->time_limit;
    if (wait->round == 0)
        wait->start = rdx_now();
    if (wait->round % 256 == 255) {
        RDX_TRY(rdx_progress_poll(context));
        if (rdx_now() - wait->start > limit)
            return rdx_fail(
                REDUX_E_IO,
                "rank %d did not answer for %g seconds: it is gone, or waits for one that is",
                (int)rank, limit);
    }
    pause_briefly(wait->round++);
    return REDUX_OK;
}
