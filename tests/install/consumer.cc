// SPDX-License-Identifier: MIT
// A C++17 program built against the installed library.
#include <redux.h>
#include <cstdio>
#include <memory>
#include <vector>

namespace
{

struct ContextDeleter {
    void operator()(redux_context *context) const
    {
        redux_context_free(context);
    }
};

bool check(bool condition, const char *what)
{
    if (!condition)
        std::fprintf(stderr, "consumer.cc: not so: %s (%s)\n", what, redux_error_message());
    return condition;
}

} // namespace

int main()
{
    redux_context_options options = REDUX_CONTEXT_OPTIONS_INIT;
    redux_context *made = nullptr;
    if (!check(redux_context_new(&made, &options) == REDUX_OK, "a context"))
        return 1;
    const std::unique_ptr<redux_context, ContextDeleter> context(made);

    std::vector<float> values{1, 2, 3, 4, 5, 6};
    const int64_t shape[2] = {2, 3};
    redux_tensor tensor = REDUX_TENSOR_INIT, row = REDUX_TENSOR_INIT, copy = REDUX_TENSOR_INIT;
    bool good =
        check(redux_tensor_borrow(&tensor, values.data(), REDUX_FLOAT32, 2, shape, nullptr) ==
                  REDUX_OK,
              "a borrowed tensor") &&
        check(redux_tensor_select(&row, &tensor, 0, 1) == REDUX_OK, "a view") &&
        check(redux_tensor_contiguous(&copy, context.get(), &row, REDUX_FLOAT64) == REDUX_OK,
              "a converted copy") &&
        check(static_cast<double *>(copy.data)[2] == 6.0, "its last value");
    redux_tensor_release(&copy);

    redux_window window{};
    good = good && check(redux_window_parse(&window, "brain") == REDUX_OK, "a named window") &&
           check(window.low == 0 && window.high == 80, "its limits");
    redux_hash_options hash_options = REDUX_HASH_OPTIONS_INIT;
    redux_reduce_options reduce_options = REDUX_REDUCE_OPTIONS_INIT;
    good = good && check(redux_hash_bytes(&hash_options) == 8, "a hash of 64 bits") &&
           check(redux_reduce_check(&reduce_options) == REDUX_OK, "valid defaults");
    if (good)
        std::printf("C++: libredux %s\n", redux_version_string());
    return good ? 0 : 1;
}
