/* SPDX-License-Identifier: MIT
 * Quantiles of Student's t distribution, by bisection of its distribution function. */
#include <math.h>
#include "scores.h"

/* The continued fraction of the incomplete beta function, by Lentz's method (Abramowitz and Stegun
 * 26.5.8; Thompson and Barnett 1986). */
static double fraction(double x, double a, double b)
{
    const double tiny = 1e-300;
    double c = 1, d = 1 - (a + b) * x / (a + 1);
    d = 1 / (fabs(d) < tiny ? tiny : d);
    double value = d;
    for (int m = 1; m <= 1000; m++) {
        double step = 1;
        for (int odd = 0; odd < 2; odd++) {
            const double k = m, top = odd ? -(a + k) * (a + b + k) * x : k * (b - k) * x;
            const double term = top / ((a + 2 * k - 1 + odd) * (a + 2 * k + odd));
            d = 1 + term * d;
            c = 1 + term / c;
            d = 1 / (fabs(d) < tiny ? tiny : d);
            c = fabs(c) < tiny ? tiny : c;
            step = c * d;
            value *= step;
        }
        if (fabs(step - 1) < 1e-15)
            break;
    }
    return value;
}

static double incomplete_beta(double x, double a, double b)
{
    if (x <= 0 || x >= 1)
        return x <= 0 ? 0 : 1;
    if (x > (a + 1) / (a + b + 2))
        return 1 - incomplete_beta(1 - x, b, a);
    const double front = exp(lgamma(a + b) - lgamma(a) - lgamma(b) + a * log(x) + b * log1p(-x));
    return front * fraction(x, a, b) / a;
}

/* P(T > t) for t >= 0. */
static double upper_tail(double t, double df)
{
    return incomplete_beta(df / (df + t * t), df / 2, 0.5) / 2;
}

double rdx_student_quantile(double p, double df)
{
    const double tail = p < 0.5 ? p : 1 - p;
    double low = 0, high = 1;
    while (upper_tail(high, df) > tail && high < 1e300)
        high *= 2;
    for (int i = 0; i < 200 && low < high; i++) {
        const double middle = low + (high - low) / 2;
        if (middle <= low || middle >= high)
            break;
        if (upper_tail(middle, df) > tail)
            low = middle;
        else
            high = middle;
    }
    return p < 0.5 ? -high : high;
}
