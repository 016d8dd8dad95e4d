/* SPDX-License-Identifier: MIT
 * Learning rates over time. */
#include <math.h>
#include <redux/optimiser.h>
#include "base/base.h"

double redux_schedule_cosine(int64_t step, int64_t steps, int64_t warm_up, double base, double last)
{
    const double pi = 3.14159265358979323846;
    if (step < warm_up)
        return base * (double)(step + 1) / (double)warm_up;
    const double past = (double)(RDX_MIN(step, steps) - warm_up);
    const double whole = (double)RDX_MAX(steps - warm_up, 1);
    return last + (base - last) * 0.5 * (1 + cos(pi * past / whole));
}
