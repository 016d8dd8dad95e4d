/* SPDX-License-Identifier: MIT
 * Shannon entropy and what follows from joint histograms: conditional entropy, mutual information,
 * its normalisations, variation of information. Everything is in bits unless it says nats. */
#ifndef REDUX_ENTROPY_H
#define REDUX_ENTROPY_H

#include <redux/tensor.h>

REDUX_BEGIN_DECLS

/** Mutual information over what. All but the last are in bits over bits. Two constant images have 1
 *  in each of them (they are alike), and where I is 0 otherwise they are 0, Studholme's 1. */
typedef enum redux_normalisation {
    REDUX_NMI_ARITHMETIC = 0,         /**< I / mean(H(A), H(B)), 0 to 1: scikit-learn's default */
    REDUX_NMI_STUDHOLME = 1,          /**< (H(A) + H(B)) / H(A, B), 1 to 2: scikit-image */
    REDUX_NMI_GEOMETRIC = 2,          /**< I / sqrt(H(A) H(B)), 0 to 1 */
    REDUX_NMI_MIN = 3,                /**< I / min(H(A), H(B)), 0 to 1 */
    REDUX_NMI_MAX = 4,                /**< I / max(H(A), H(B)), 0 to 1 */
    REDUX_NMI_JOINT = 5,              /**< I / H(A, B), 0 to 1; 1 minus it is a metric distance */
    REDUX_MUTUAL_INFORMATION_BITS = 6 /**< I itself, bits, not normalised */
} redux_normalisation;

/** Over which range the bins of a histogram lie. */
typedef enum redux_histogram_range {
    /** A fixed grid. uint8: bin = value * bins / 256 (with 256 bins the values themselves,
     *  scikit-learn's labels). float32, values within [0, 1] (others are clipped, NaN is 0): bin =
     *  min(floor(value * bins), bins - 1). */
    REDUX_HISTOGRAM_FIXED = 0,
    /** Equal bins over each image's own minimum ... maximum, the last closed, as numpy.histogramdd
     *  and scikit-image do; a constant image fills one bin. Of float32 the finite values make the
     *  range; NaN and what lies below it are in bin 0, infinity in the last. */
    REDUX_HISTOGRAM_OWN = 1,
    /** Equal bins over low ... high, the last closed, as numpy.histogram(range=) has them, but for
     *  values outside, which are clipped into the first and the last bin; NaN is in bin 0. */
    REDUX_HISTOGRAM_GIVEN = 2
} redux_histogram_range;

/** How values become histogram bins. Set it up with REDUX_HISTOGRAM_OPTIONS_INIT. */
typedef struct redux_histogram_options {
    size_t struct_size;
    int32_t bins;                /**< 2 to 256; 0 (default): 256 */
    redux_histogram_range range; /**< default: fixed */
    double low, high;            /**< range given: finite, low < high; otherwise ignored */
    /** What a mutual information metric scores with; nothing else reads it. */
    redux_normalisation normalisation;
} redux_histogram_options;

#define REDUX_HISTOGRAM_OPTIONS_DEFAULTS(set)                                                      \
    set(struct_size, sizeof(redux_histogram_options)), set(range, REDUX_HISTOGRAM_FIXED),          \
        set(normalisation, REDUX_NMI_ARITHMETIC)
REDUX_DEFINE_INIT(redux_histogram_options, REDUX_HISTOGRAM_OPTIONS_DEFAULTS)
#define REDUX_HISTOGRAM_OPTIONS_INIT                                                               \
    REDUX_INIT(redux_histogram_options, REDUX_HISTOGRAM_OPTIONS_DEFAULTS)

/** All that the joint histogram of two images tells. */
typedef struct redux_information {
    double entropy_a, entropy_b; /**< H(A), H(B), bits */
    double joint;                /**< H(A, B), bits */
    double mutual;               /**< I(A; B) = H(A) + H(B) - H(A, B), bits, >= 0 */
    double a_given_b, b_given_a; /**< H(A | B), H(B | A), bits, >= 0 */
    double variation;            /**< variation of information H(A | B) + H(B | A), bits */
    /** I / mean(H(A), H(B)), 0 to 1, scikit-learn's arithmetic NMI; two constant images: 1, else
     *  0 where I is 0. */
    double nmi_arithmetic;
    /** (H(A) + H(B)) / H(A, B), 1 to 2, scikit-image's (Studholme); two constant images: 1 (where
     *  scikit-image gives NaN). */
    double nmi_studholme;
    /** The other normalisations (redux_normalisation): I over sqrt(H(A) H(B)), over the smaller and
     *  the larger entropy, over H(A, B). */
    double nmi_geometric, nmi_min, nmi_max, nmi_joint;
} redux_information;

/** Shannon entropy of one image in bits: [H, W] uint8 or float32, at least one pixel (an empty
 * image is REDUX_E_INVALID). With 256 bins on uint8 it is scikit-image's shannon_entropy. `options`
 * may be NULL. Errors: REDUX_E_INVALID, REDUX_E_LIMIT (2^32 pixels), REDUX_E_NO_MEMORY. Since 0.1.
 */
REDUX_API redux_status redux_entropy(double *out, redux_context *context, const redux_tensor *image,
                                     const redux_histogram_options *options);

/** Two images of the same shape and dtype ([H, W], uint8 or float32), at least one pixel.
 *  Symmetric: the other way round the same bits come out, a's and b's exchanged; and an image with
 *  any one-to-one relabelling of its bins has exactly I = H(A) = H(B), NMI 1. `options` may be
 * NULL. Errors: REDUX_E_INVALID, REDUX_E_LIMIT (2^32 pixels), REDUX_E_NO_MEMORY. Since 0.1. */
REDUX_API redux_status redux_information_compute(redux_information *out, redux_context *context,
                                                 const redux_tensor *a, const redux_tensor *b,
                                                 const redux_histogram_options *options);

/** The normalisation `kind` of what redux_information_compute found: one of its fields. `out` in
 * the units of redux_normalisation. Errors: REDUX_E_INVALID (no such kind). Any thread. Since 0.1.
 */
REDUX_API redux_status redux_information_normalise(double *out,
                                                   const redux_information *information,
                                                   redux_normalisation kind);

/** "arithmetic", "studholme", "geometric", "min", "max", "joint" or "bits"; "unknown" for anything
 *  else. Static storage. Since 0.1. */
REDUX_API const char *redux_normalisation_name(redux_normalisation kind);

/** The normalisation of that name. Errors: REDUX_E_NOT_FOUND (the message lists the names),
 *  REDUX_E_INVALID (NULL). Since 0.1. */
REDUX_API redux_status redux_normalisation_parse(redux_normalisation *out, const char *name);

/** What each slice of a volume adds to the one before it: out[0] = H(slice 0), out[i] =
 *  H(slice i | slice i - 1), bits, from the joint histogram of the two; the same bits as b_given_a
 *  of redux_information_compute(slice i - 1, slice i). `volume` is [N, H, W] uint8 or float32 with
 *  at least one pixel a slice, `out` has room for N. Two neighbours are held at a time and thread.
 *  `options` may be NULL. Errors: REDUX_E_INVALID, REDUX_E_LIMIT (2^32 pixels), REDUX_E_NO_MEMORY.
 *  Since 0.1. */
REDUX_API redux_status redux_conditional_entropy_sequence(double *out, redux_context *context,
                                                          const redux_tensor *volume,
                                                          const redux_histogram_options *options);

REDUX_END_DECLS
#endif
