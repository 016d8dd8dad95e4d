/* SPDX-License-Identifier: MIT
 * Metrics of images by name, as programs and --then call them. */
#include "metric.h"

static redux_status new_ssim(redux_metric **out, redux_context *context)
{
    return redux_metric_new_ssim(out, context, NULL);
}

static redux_status new_ms_ssim(redux_metric **out, redux_context *context)
{
    return redux_metric_new_ms_ssim(out, context, NULL);
}

static redux_status new_mi(redux_metric **out, redux_context *context)
{
    return redux_metric_new_mutual_information(out, context, NULL);
}

static redux_status new_mattes(redux_metric **out, redux_context *context)
{
    return redux_metric_new_mattes(out, context, NULL);
}

static redux_status new_phase_correlation(redux_metric **out, redux_context *context)
{
    return redux_metric_new_phase_correlation(out, context, NULL);
}

static redux_status new_conditional_entropy(redux_metric **out, redux_context *context)
{
    return redux_metric_new_conditional_entropy(out, context, NULL);
}

static const struct named_metric {
    const char *name;
    redux_status (*make)(redux_metric **out, redux_context *context);
} named[] = {
    {"ssim", new_ssim},
    {"ms-ssim", new_ms_ssim},
    {"mi", new_mi},
    {"mattes", new_mattes},
    {"phase-correlation", new_phase_correlation},
    {"conditional-entropy", new_conditional_entropy},
};

redux_status redux_metric_new_named(redux_metric **out, redux_context *context, const char *name)
{
    const char *names[RDX_COUNT(named)];
    int index;
    if (out == NULL)
        return rdx_fail(REDUX_E_INVALID, "redux_metric_new_named: out is NULL");
    for (int64_t i = 0; i < RDX_COUNT(named); i++)
        names[i] = named[i].name;
    RDX_TRY(rdx_parse_name(&index, "image metric", name, names, RDX_COUNT(named)));
    return named[index].make(out, context);
}
