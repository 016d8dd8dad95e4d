/* SPDX-License-Identifier: MIT
 * Random numbers, and numbers in text. */
#include <locale.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <redux/window.h>
#include "base/base.h"
#include "support/test.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* A host whose decimal sign is a comma. Where there is no such locale one is made; where that is
 * not possible either, nothing is asked. */
static bool set_comma_locale(void)
{
    char folder[] = "/tmp/redux-locale-XXXXXX", command[256];
    if (setlocale(LC_NUMERIC, "de_DE.UTF-8") != NULL)
        return true;
    if (mkdtemp(folder) == NULL)
        return false;
    snprintf(command, sizeof command, "localedef -i de_DE -f UTF-8 %s/de_DE.UTF-8 >%s/log 2>&1",
             folder, folder);
    const int made = system(command); /* NOLINT(cert-env33-c): words of our own */
    setenv("LOCPATH", folder, 1);
    const bool set = made == 0 && setlocale(LC_NUMERIC, "de_DE.UTF-8") != NULL;
    snprintf(command, sizeof command, "rm -r %s", folder);
    return system(command) == 0 && set; /* NOLINT(cert-env33-c) */
}

START_TEST(numbers_in_every_locale)
{
    char text[32], *end;
    redux_window window;
    if (!set_comma_locale()) {
        printf("no locale with a decimal comma here\n");
        return;
    }
    snprintf(text, sizeof text, "%g", 0.5);
    ck_assert_str_eq(text, "0,5"); /* so it is one */
    rdx_format_double(text, -1.25e-7);
    ck_assert_str_eq(text, "-1.25e-07");
    rdx_format_fixed(text, 2.25, 1);
    ck_assert_str_eq(text, "2.2");
    ck_assert_double_eq(rdx_parse_double("0.75,3", &end), 0.75);
    ck_assert_str_eq(end, ",3");
    ck_assert_redux_ok(redux_window_parse(&window, "-1.5:2.5"));
    ck_assert_double_eq(window.high, 2.5);
    setlocale(LC_NUMERIC, "C");
}
END_TEST

/* Known answers of Random123 for philox4x32-10. */
START_TEST(philox)
{
    const struct {
        uint32_t counter[4], key[2], out[4];
    } known[] = {
        {{0, 0, 0, 0}, {0, 0}, {0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}},
        {{0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff},
         {0xffffffff, 0xffffffff},
         {0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}},
        {{0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344},
         {0xa4093822, 0x299f31d0},
         {0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}},
    };
    for (size_t i = 0; i < COUNT(known); i++) {
        uint32_t out[4];
        redux_random_philox(out, known[i].counter, known[i].key);
        ck_assert(memcmp(out, known[i].out, sizeof out) == 0);
    }
}
END_TEST

/* Chi-square of counts that should be equal; far beyond its mean + 6 sigma is no chance. */
static void assert_uniform(const int *counts, int cells, double expected)
{
    double chi = 0;
    for (int i = 0; i < cells; i++)
        chi += (counts[i] - expected) * (counts[i] - expected) / expected;
    ck_assert_double_lt(chi, cells - 1 + 6 * sqrt(2.0 * (cells - 1)));
    ck_assert_double_gt(chi, cells - 1 - 6 * sqrt(2.0 * (cells - 1)));
}

START_TEST(uniform_numbers)
{
    enum { DRAWS = 200000, CELLS = 128 };
    const redux_random_key key = {1, 2, 3, 4};
    int bits[CELLS] = {0}, reals[CELLS] = {0};
    double sum = 0, squares = 0, fourth = 0;
    for (uint32_t i = 0; i < DRAWS; i++) {
        const double u = redux_random_uniform(&key, i), n = redux_random_normal(&key, i);
        ck_assert(u >= 0 && u < 1);
        reals[(int)(u * CELLS)]++;
        bits[redux_random_u32(&key, i) % CELLS]++;
        sum += n;
        squares += n * n;
        fourth += n * n * n * n;
    }
    assert_uniform(bits, CELLS, (double)DRAWS / CELLS);
    assert_uniform(reals, CELLS, (double)DRAWS / CELLS);
    ck_assert_double_eq_tol(sum / DRAWS, 0, 0.015);
    ck_assert_double_eq_tol(squares / DRAWS, 1, 0.02);
    ck_assert_double_eq_tol(fourth / DRAWS, 3, 0.15);
}
END_TEST

START_TEST(numbers_below)
{
    enum { DRAWS = 90000 };
    const redux_random_key key = {.seed = 9};
    const uint64_t bounds[] = {2, 3, 7, 100, UINT64_C(3) << 62, UINT64_MAX};
    ck_assert_uint_eq(redux_random_below(&key, 5, 0), 0);
    ck_assert_uint_eq(redux_random_below(&key, 5, 1), 0);
    for (size_t b = 0; b < COUNT(bounds); b++) {
        /* Of 3 * 2^62, plain remainders would make the first third twice as likely. */
        const int cells = (int)RDX_MIN(bounds[b], 3);
        const uint64_t cell = bounds[b] / (uint64_t)cells + (bounds[b] % (uint64_t)cells != 0);
        int counts[3] = {0};
        double expected[3], chi = 0;
        for (uint32_t i = 0; i < DRAWS; i++) {
            const uint64_t value = redux_random_below(&key, i, bounds[b]);
            ck_assert_uint_lt(value, bounds[b]);
            counts[value / cell]++;
        }
        for (int k = 0; k < cells; k++) {
            const uint64_t end = RDX_MIN(bounds[b], cell * (uint64_t)(k + 1) < cell * (uint64_t)k
                                                        ? UINT64_MAX
                                                        : cell * (uint64_t)(k + 1));
            expected[k] = (double)(end - cell * (uint64_t)k) / (double)bounds[b] * DRAWS;
            chi += (counts[k] - expected[k]) * (counts[k] - expected[k]) / expected[k];
        }
        ck_assert_double_lt(chi, 20);
    }
}
END_TEST

/* Every field of the key, and the index, lead to other numbers. */
START_TEST(streams_differ)
{
    const redux_random_key base = {.seed = 1};
    redux_random_key keys[6] = {base, base, base, base, base, base};
    keys[1].seed = 2;
    keys[2].seed = UINT64_C(1) << 32 | 1;
    keys[3].epoch = 1;
    keys[4].operation = 1;
    keys[5].sample = UINT64_C(1) << 40;
    for (int a = 0; a < 6; a++)
        for (int b = 0; b < a; b++) {
            int equal = 0;
            for (uint32_t i = 0; i < 100; i++)
                equal += redux_random_u32(&keys[a], i) == redux_random_u32(&keys[b], i) ||
                         redux_random_uniform(&keys[a], i) == redux_random_uniform(&keys[b], i);
            ck_assert_int_eq(equal, 0);
        }
    ck_assert_uint_eq(redux_random_u32(&keys[0], 7), redux_random_u32(&base, 7));
    ck_assert_uint_ne(redux_random_u32(&keys[0], UINT32_MAX), redux_random_u32(&keys[0], 0));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("numbers");
    TCase *random = tcase_create("random");
    tcase_add_test(random, philox);
    tcase_add_test(random, uniform_numbers);
    tcase_add_test(random, numbers_below);
    tcase_add_test(random, streams_differ);
    suite_add_tcase(suite, random);
    tcase_add_test(slow_tests(suite, 30), numbers_in_every_locale);
    return run_suite(suite);
}
