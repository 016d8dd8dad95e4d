/* SPDX-License-Identifier: MIT */
/** @file
 * Shannon entropy and what follows from joint histograms: conditional entropy, mutual information,
 * its normalisations, variation of information.
 *
 * @code
 * const int64_t shape[2] = {2, 2};
 * uint8_t first[4] = {0, 0, 255, 255}, second[4] = {7, 7, 9, 9};
 * redux_tensor a = REDUX_TENSOR_INIT, b = REDUX_TENSOR_INIT;
 * redux_information information;
 * redux_status status = redux_tensor_borrow(&a, first, REDUX_UINT8, 2, shape, NULL);
 * if (status == REDUX_OK)
 *     status = redux_tensor_borrow(&b, second, REDUX_UINT8, 2, shape, NULL);
 * if (status == REDUX_OK)
 *     status = redux_information_compute(&information, context, &a, &b, NULL);
 * if (status == REDUX_OK)
 *     printf("I = %g bit, NMI = %g\n", information.mutual, information.nmi_arithmetic); // 1, 1
 * return status;
 * @endcode
 *
 * Everything is in bits unless it says nats.
 *
 * Values of float32 images lie within [0, 1] (windowed). A finite value outside is refused with
 * REDUX_E_INVALID, and the message names it: window the image, or set options.range to
 * REDUX_HISTOGRAM_OWN, or to REDUX_HISTOGRAM_GIVEN with low and high, which saturates because you
 * asked for it. NaN and -infinity count in the first bin, +infinity in the last.
 *
 * Promised: results are the same bits on every instruction set, and symmetric: sums are integers.
 *
 * Not promised: that numbers of different `bins` or ranges can be compared.
 *
 * Threads: one context per thread. Since 0.1.
 */
#ifndef REDUX_ENTROPY_H
#define REDUX_ENTROPY_H

#include <redux/tensor.h>

REDUX_BEGIN_DECLS

/** What mutual information is divided by. All but the last are without a unit. Two constant images
 *  have 1 in each of them (they are equal); otherwise they are 0 where I is 0, Studholme's 1.
 *  Values are pinned. */
typedef enum redux_normalisation {
    REDUX_NMI_ARITHMETIC = 0,         /**< I / mean(H(A), H(B)), 0 to 1: scikit-learn's default */
    REDUX_NMI_STUDHOLME = 1,          /**< (H(A) + H(B)) / H(A, B), 1 to 2: scikit-image */
    REDUX_NMI_GEOMETRIC = 2,          /**< I / sqrt(H(A) H(B)), 0 to 1 */
    REDUX_NMI_MIN = 3,                /**< I / min(H(A), H(B)), 0 to 1 */
    REDUX_NMI_MAX = 4,                /**< I / max(H(A), H(B)), 0 to 1 */
    REDUX_NMI_JOINT = 5,              /**< I / H(A, B), 0 to 1; 1 minus it is a metric distance */
    REDUX_MUTUAL_INFORMATION_BITS = 6 /**< I itself, bits, not normalised */
} redux_normalisation;

/** The range that the bins of a histogram cover. */
typedef enum redux_histogram_range {
    /** A fixed grid. uint8: bin = value * bins / 256 (with 256 bins the values themselves,
     *  scikit-learn's labels). float32: bin = min(floor(value * bins), bins - 1) of values within
     *  [0, 1]; finite ones outside are refused (REDUX_E_INVALID). NaN and -inf are in bin 0,
     *  +inf in the last. */
    REDUX_HISTOGRAM_FIXED = 0,
    /** Equal bins over each image's own minimum ... maximum, the last closed, as numpy.histogramdd
     *  and scikit-image do; a constant image fills one bin. Of float32 the finite values make the
     *  range; NaN and what lies below it are in bin 0, infinity in the last. */
    REDUX_HISTOGRAM_OWN = 1,
    /** Equal bins over low ... high, the last closed, as numpy.histogram(range=) has them. Values
     *  outside count in the first and the last bin (NumPy drops them); NaN is in bin 0. */
    REDUX_HISTOGRAM_GIVEN = 2
} redux_histogram_range;

/** How values become histogram bins. */
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

/** All that the joint histogram of two images yields. */
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

/** The Shannon entropy of one image, in bits. image: [H, W] with at least one pixel, uint8, or
 *  float32 within [0, 1] (with another options.range: any). With 256 bins on uint8 it is
 *  scikit-image's shannon_entropy. `options` may be NULL. Errors: REDUX_E_INVALID (also an empty
 *  image, or a float32 value outside [0, 1]), REDUX_E_LIMIT (2^32 pixels), REDUX_E_NO_MEMORY. */
REDUX_API redux_status redux_entropy(double *out, redux_context *context, const redux_tensor *image,
                                     const redux_histogram_options *options);

/** Entropies and mutual information of two images of the same shape and dtype: [H, W] with at least
 *  one pixel, uint8, or float32 within [0, 1] (with another options.range: any). Symmetric: the
 *  other way round gives the same bits with a and b exchanged. An image and any one-to-one
 *  relabelling of its bins have exactly I = H(A) = H(B), NMI 1. `options` may be NULL. Errors:
 *  REDUX_E_INVALID (also a float32 value outside [0, 1]), REDUX_E_LIMIT (2^32 pixels),
 *  REDUX_E_NO_MEMORY. */
REDUX_API redux_status redux_information_compute(redux_information *out, redux_context *context,
                                                 const redux_tensor *a, const redux_tensor *b,
                                                 const redux_histogram_options *options);

/** The normalisation `kind` of what redux_information_compute found: one of its fields. Errors:
 *  REDUX_E_INVALID (no such kind). Any thread. */
REDUX_API redux_status redux_information_normalise(double *out,
                                                   const redux_information *information,
                                                   redux_normalisation kind);

/** The name of a normalisation: "arithmetic", "studholme", "geometric", "min", "max", "joint" or
 *  "bits"; "unknown" for anything else. Static storage. Any thread. */
REDUX_API const char *redux_normalisation_name(redux_normalisation kind);

/** The normalisation of a name. Errors: REDUX_E_NOT_FOUND (the message lists the names),
 *  REDUX_E_INVALID (NULL). Any thread. */
REDUX_API redux_status redux_normalisation_parse(redux_normalisation *out, const char *name);

/** What each slice of a volume adds to the one before it: out[0] = H(slice 0), out[i] = H(slice i |
 *  slice i - 1), in bits. The same bits as b_given_a of redux_information_compute(slice i - 1,
 *  slice i). volume: [N, H, W] with at least one pixel per slice, uint8, or float32 within [0, 1]
 *  (with another options.range: any). `out` has room for N. Holds two neighbours per thread.
 *  `options` may be NULL. Errors: REDUX_E_INVALID (also a float32 value outside [0, 1]),
 *  REDUX_E_LIMIT (2^32 pixels), REDUX_E_NO_MEMORY. */
REDUX_API redux_status redux_conditional_entropy_sequence(double *out, redux_context *context,
                                                          const redux_tensor *volume,
                                                          const redux_histogram_options *options);

REDUX_END_DECLS
#endif
