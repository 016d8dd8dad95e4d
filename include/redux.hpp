// SPDX-License-Identifier: MIT
// libredux for C++17 and later: the C interface (redux.h, where everything is described) with
// owners, values and exceptions. Header-only; each call is the C call.
//
// - Statuses other than REDUX_OK become redux::error. Callbacks must not throw: see redux::guard.
// - Options are the C structs: redux::defaults<redux_reduce_options>() sets one up.
// - Owners are move-only. They end the C object with the context that they were made with, which
//   therefore lives longer (redux::context, or nullptr for the defaults). What else a C object
//   needs to live longer than it (a dataset longer than its reduction) does so here too.
// - `get()` gives the C handle, so that every C function can be used beside this header.
#ifndef REDUX_HPP
#define REDUX_HPP

#include <redux.h>

#include <cstddef>
#include <cstdint>
#include <exception>
#include <initializer_list>
#include <mutex>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

namespace redux
{

// ---- errors ------------------------------------------------------------------------------------

/// A libredux call failed: what() is its message, status() the kind of failure.
class error : public std::runtime_error
{
  public:
    error(redux_status status, const std::string &message)
        : std::runtime_error(message), status_(status)
    {
    }
    redux_status status() const noexcept
    {
        return status_;
    }

  private:
    redux_status status_;
};

/// Throws if a C function failed: redux::check(redux_any_function(...)).
inline void check(redux_status status)
{
    if (status == REDUX_OK)
        return;
    const char *message = redux_error_message();
    throw error(status, *message != '\0' ? message : redux_status_string(status));
}

/// For callbacks of your own: no exception may leave one (redux/context.h). Keeps the first that is
/// thrown inside, on whatever thread, and throws it when the call is back:
///
///     redux::guard guard;
///     options.progress = [](std::int64_t, std::int64_t, void *user) noexcept {
///         return static_cast<redux::guard *>(user)->run([] { may_throw(); });
///     };
///     options.progress_user = &guard;
///     ...
///     guard.check(redux_any_function(...));
class guard
{
  public:
    /// 0, or 1 if `work` threw, which cancels where a callback can.
    template <class Work> int run(Work work) noexcept
    {
        try {
            work();
            return 0;
        } catch (...) {
            const std::lock_guard<std::mutex> lock(mutex_);
            if (!thrown_)
                thrown_ = std::current_exception();
            return 1;
        }
    }
    /// Throws what was kept, once; else as redux::check.
    void check(redux_status status)
    {
        std::exception_ptr thrown;
        {
            const std::lock_guard<std::mutex> lock(mutex_);
            thrown = std::exchange(thrown_, nullptr);
        }
        if (thrown)
            std::rethrow_exception(thrown);
        redux::check(status);
    }

  private:
    std::mutex mutex_;
    std::exception_ptr thrown_;
};

// ---- small things ------------------------------------------------------------------------------

/// Elements that belong to somebody else, one after the other (C++20's std::span, as far as
/// needed).
template <class T> class span
{
  public:
    constexpr span() noexcept = default;
    constexpr span(T *data, std::size_t size) noexcept : data_(data), size_(size)
    {
    }
    template <std::size_t N> constexpr span(T (&array)[N]) noexcept : data_(array), size_(N)
    {
    }
    /// std::vector, std::array, std::span, std::string: whatever has data() and size(). One that
    /// is made for the call lives as long as the call.
    template <class Range, class = std::enable_if_t<std::is_convertible_v<
                               decltype(std::declval<Range &>().data()), T *>>>
    constexpr span(Range &&range) noexcept : data_(range.data()), size_(range.size())
    {
    }
    constexpr T *data() const noexcept
    {
        return data_;
    }
    constexpr std::size_t size() const noexcept
    {
        return size_;
    }
    constexpr bool empty() const noexcept
    {
        return size_ == 0;
    }
    constexpr T *begin() const noexcept
    {
        return data_;
    }
    constexpr T *end() const noexcept
    {
        return data_ + size_;
    }
    constexpr T &operator[](std::size_t index) const noexcept
    {
        return data_[index];
    }

  private:
    T *data_ = nullptr;
    std::size_t size_ = 0;
};

/// A shape or strides: redux::extents{3, 4}, or any container of int64_t.
class extents
{
  public:
    extents(std::initializer_list<std::int64_t> list) noexcept
        : extents(span<const std::int64_t>(list.begin(), list.size()))
    {
    }
    extents(const std::vector<std::int64_t> &list) noexcept
        : extents(span<const std::int64_t>(list))
    {
    }
    extents(span<const std::int64_t> list) noexcept : size_(static_cast<std::int32_t>(list.size()))
    {
        // More axes than there may be are left to the library to refuse: the number is enough.
        for (std::size_t i = 0; i < list.size() && i < REDUX_MAX_DIMS; i++)
            values_[i] = list[i];
    }
    const std::int64_t *data() const noexcept
    {
        return values_;
    }
    std::int32_t size() const noexcept
    {
        return size_;
    }

  private:
    std::int64_t values_[REDUX_MAX_DIMS] = {};
    std::int32_t size_;
};

/// Options with their defaults: the ..._INIT macro of the struct.
template <class Options> Options defaults() = delete;
template <> inline redux_context_options defaults<redux_context_options>()
{
    return REDUX_CONTEXT_OPTIONS_INIT;
}
template <> inline redux_dataset_options defaults<redux_dataset_options>()
{
    return REDUX_DATASET_OPTIONS_INIT;
}
template <> inline redux_volume_source defaults<redux_volume_source>()
{
    return REDUX_VOLUME_SOURCE_INIT;
}
template <> inline redux_volume_info defaults<redux_volume_info>()
{
    return REDUX_VOLUME_INFO_INIT;
}
template <> inline redux_input_options defaults<redux_input_options>()
{
    return REDUX_INPUT_OPTIONS_INIT;
}
template <> inline redux_hash_options defaults<redux_hash_options>()
{
    return REDUX_HASH_OPTIONS_INIT;
}
template <> inline redux_ssim_options defaults<redux_ssim_options>()
{
    return REDUX_SSIM_OPTIONS_INIT;
}
template <> inline redux_ms_ssim_options defaults<redux_ms_ssim_options>()
{
    return REDUX_MS_SSIM_OPTIONS_INIT;
}
template <> inline redux_histogram_options defaults<redux_histogram_options>()
{
    return REDUX_HISTOGRAM_OPTIONS_INIT;
}
template <> inline redux_mattes_options defaults<redux_mattes_options>()
{
    return REDUX_MATTES_OPTIONS_INIT;
}
template <> inline redux_phase_options defaults<redux_phase_options>()
{
    return REDUX_PHASE_OPTIONS_INIT;
}
template <> inline redux_reduce_options defaults<redux_reduce_options>()
{
    return REDUX_REDUCE_OPTIONS_INIT;
}
template <> inline redux_index_options defaults<redux_index_options>()
{
    return REDUX_INDEX_OPTIONS_INIT;
}
template <> inline redux_loader_options defaults<redux_loader_options>()
{
    return REDUX_LOADER_OPTIONS_INIT;
}
template <> inline redux_network_options defaults<redux_network_options>()
{
    return REDUX_NETWORK_OPTIONS_INIT;
}
template <> inline redux_safetensors_content defaults<redux_safetensors_content>()
{
    return REDUX_SAFETENSORS_CONTENT_INIT;
}

/// The redux_dtype of a C++ type.
template <class T> constexpr redux_dtype dtype_of() noexcept
{
    static_assert(std::is_arithmetic_v<T> && sizeof(T) <= 8, "libredux has no such element type");
    if constexpr (std::is_same_v<T, bool>) {
        return REDUX_BOOL;
    } else {
        constexpr int code = std::is_floating_point_v<T> ? 2 : std::is_signed_v<T> ? 0 : 1;
        return static_cast<redux_dtype>(code | static_cast<int>(sizeof(T)) * 8 << 8 | 1 << 16);
    }
}

namespace detail
{

/// Owns a C object.
template <class T, void (*Free)(T *)> class handle
{
  public:
    handle() noexcept = default;
    handle(handle &&other) noexcept
        : object_(std::exchange(other.object_, nullptr)), context_(other.context_)
    {
    }
    handle &operator=(handle &&other) noexcept
    {
        std::swap(object_, other.object_);
        std::swap(context_, other.context_);
        return *this;
    }
    ~handle()
    {
        Free(object_);
    }
    T *get() const noexcept
    {
        return object_;
    }
    explicit operator bool() const noexcept
    {
        return object_ != nullptr;
    }

  protected:
    explicit handle(redux_context *context) noexcept : context_(context)
    {
    }
    T **out() noexcept
    {
        return &object_;
    }
    redux_context *made_with() const noexcept
    {
        return context_;
    }

  private:
    T *object_ = nullptr;
    redux_context *context_ = nullptr;
};

} // namespace detail

/// Threads, memory, log, progress. Wherever a context is asked for, nullptr means the
/// defaults: malloc, one thread.
class context : public detail::handle<redux_context, redux_context_free>
{
  public:
    explicit context(const redux_context_options &options) : handle(nullptr)
    {
        check(redux_context_new(out(), &options));
    }
    /// REDUX_THREADS_ALL: every processor.
    explicit context(std::int32_t threads = REDUX_THREADS_ALL) : handle(nullptr)
    {
        auto options = defaults<redux_context_options>();
        options.threads = threads;
        check(redux_context_new(out(), &options));
    }
    int threads() const noexcept
    {
        return redux_context_threads(get());
    }
    operator redux_context *() const &noexcept
    {
        return get();
    }
    operator redux_context *() const && = delete; // what is made with it would outlive it
};

// ---- tensors -----------------------------------------------------------------------------------

/// redux_tensor with an owner: views share memory, nothing is copied unless it says so.
class tensor
{
  public:
    tensor() noexcept = default;
    /// Zeros.
    tensor(redux_dtype dtype, const extents &shape, redux_context *context = nullptr)
    {
        check(redux_tensor_new(&tensor_, context, dtype, shape.size(), shape.data()));
    }
    /// The caller's memory, in C order; it must outlive the tensor and its views. What is const
    /// must not be written to.
    template <class T> static tensor borrow(T *data, const extents &shape)
    {
        return borrow_at(data, shape, nullptr);
    }
    /// The same with strides, in elements.
    template <class T> static tensor borrow(T *data, const extents &shape, const extents &strides)
    {
        if (shape.size() != strides.size())
            throw error(REDUX_E_INVALID, "as many strides as axes are needed");
        return borrow_at(data, shape, strides.data());
    }
    tensor(tensor &&other) noexcept : tensor_(std::exchange(other.tensor_, empty()))
    {
    }
    tensor &operator=(tensor &&other) noexcept
    {
        std::swap(tensor_, other.tensor_);
        return *this;
    }
    ~tensor()
    {
        redux_tensor_release(&tensor_);
    }

    const redux_tensor *get() const noexcept
    {
        return &tensor_;
    }
    /// For C functions that fill in a tensor: what was in it is released first.
    redux_tensor *out() noexcept
    {
        redux_tensor_release(&tensor_);
        return &tensor_;
    }
    redux_dtype dtype() const noexcept
    {
        return tensor_.dtype;
    }
    span<const std::int64_t> shape() const noexcept
    {
        return {tensor_.shape, axes()};
    }
    span<const std::int64_t> strides() const noexcept
    {
        return {tensor_.strides, axes()};
    }
    std::int64_t size() const noexcept
    {
        return redux_tensor_elements(&tensor_);
    }
    bool is_contiguous() const noexcept
    {
        return redux_tensor_is_contiguous(&tensor_) != 0;
    }
    /// The first element; throws when the elements are no T.
    template <class T> T *data() const
    {
        if (dtype() != dtype_of<std::remove_cv_t<T>>())
            throw error(REDUX_E_INVALID, std::string("the elements are ") +
                                             redux_dtype_name(dtype()) + ", not " +
                                             redux_dtype_name(dtype_of<std::remove_cv_t<T>>()));
        return static_cast<T *>(tensor_.data);
    }
    /// All elements in C order; throws when they are no T or do not lie so.
    template <class T> span<T> values() const
    {
        if (!is_contiguous())
            throw error(REDUX_E_INVALID, "the elements are not contiguous");
        return {data<T>(), static_cast<std::size_t>(size())};
    }
    /// One element, by as many indices as there are axes; indices are not checked.
    template <class T, class... Index> T &at(Index... index) const
    {
        const std::int64_t indices[] = {static_cast<std::int64_t>(index)..., 0};
        std::int64_t offset = 0;
        for (std::size_t i = 0; i < sizeof...(index); i++)
            offset += indices[i] * tensor_.strides[i];
        return data<T>()[offset];
    }

    tensor view() const
    {
        tensor result;
        check(redux_tensor_view(&result.tensor_, &tensor_));
        return result;
    }
    tensor slice(std::int32_t axis, std::int64_t start, std::int64_t count,
                 std::int64_t step = 1) const
    {
        tensor result;
        check(redux_tensor_slice(&result.tensor_, &tensor_, axis, start, count, step));
        return result;
    }
    tensor select(std::int32_t axis, std::int64_t index) const
    {
        tensor result;
        check(redux_tensor_select(&result.tensor_, &tensor_, axis, index));
        return result;
    }
    /// One axis for each that there is.
    tensor permute(std::initializer_list<std::int32_t> order) const
    {
        if (order.size() != axes())
            throw error(REDUX_E_INVALID, "permute wants as many axes as there are");
        tensor result;
        check(redux_tensor_permute(&result.tensor_, &tensor_, order.begin()));
        return result;
    }
    tensor reshape(const extents &shape) const
    {
        tensor result;
        check(redux_tensor_reshape(&result.tensor_, &tensor_, shape.size(), shape.data()));
        return result;
    }
    /// In C order, of that dtype: a view where it is that already, else a converted copy.
    tensor contiguous(redux_dtype dtype, redux_context *context = nullptr) const
    {
        tensor result;
        check(redux_tensor_contiguous(&result.tensor_, context, &tensor_, dtype));
        return result;
    }
    void copy_to(const tensor &out) const
    {
        check(redux_tensor_copy(&out.tensor_, &tensor_));
    }

  private:
    static redux_tensor empty() noexcept
    {
        return REDUX_TENSOR_INIT;
    }
    template <class T>
    static tensor borrow_at(T *data, const extents &shape, const std::int64_t *strides)
    {
        using element = std::remove_const_t<T>;
        tensor result;
        check(redux_tensor_borrow(&result.tensor_, const_cast<element *>(data), dtype_of<element>(),
                                  shape.size(), shape.data(), strides));
        return result;
    }
    std::size_t axes() const noexcept
    {
        return static_cast<std::size_t>(tensor_.ndim);
    }
    redux_tensor tensor_ = REDUX_TENSOR_INIT;
};

inline tensor npy_read(const std::string &path, redux_context *context = nullptr)
{
    tensor result;
    check(redux_npy_read(result.out(), context, path.c_str()));
    return result;
}
inline void npy_write(const std::string &path, const tensor &array,
                      redux_context *context = nullptr)
{
    check(redux_npy_write(path.c_str(), context, array.get()));
}

// ---- datasets ----------------------------------------------------------------------------------

/// A window by its name: "lung", "-160:240", "slice", ...
inline redux_window window(const std::string &text)
{
    redux_window result;
    check(redux_window_parse(&result, text.c_str()));
    return result;
}

/// The text that redux::window reads back: "-160:240", "slice", ...
inline std::string window_text(redux_window window)
{
    char text[REDUX_WINDOW_TEXT];
    check(redux_window_to_text(text, window));
    return text;
}

/// The name of a slice in results: `source` belongs to the dataset.
struct slice_name {
    const char *source;
    std::int64_t slice;
};

/// Where a slice lies in a dataset.
struct slice_place {
    std::int64_t volume, slice;
};

class dataset : public detail::handle<redux_dataset, redux_dataset_free>
{
  public:
    explicit dataset(const std::vector<std::string> &paths,
                     const redux_dataset_options &options = defaults<redux_dataset_options>(),
                     redux_context *context = nullptr)
        : handle(context)
    {
        std::vector<const char *> names;
        names.reserve(paths.size());
        for (const std::string &path : paths)
            names.push_back(path.c_str());
        check(redux_dataset_open(out(), context, names.data(),
                                 static_cast<std::int64_t>(names.size()), &options));
    }
    explicit dataset(const std::string &path,
                     const redux_dataset_options &options = defaults<redux_dataset_options>(),
                     redux_context *context = nullptr)
        : dataset(std::vector<std::string>{path}, options, context)
    {
    }
    /// Of what the program has (redux_dataset_new): voxels in memory, or functions for them. What
    /// borrowed voxels and functions need must outlive the dataset.
    explicit dataset(span<const redux_volume_source> sources, redux_context *context = nullptr)
        : handle(context)
    {
        std::vector<const redux_volume_source *> list;
        for (const redux_volume_source &source : sources)
            list.push_back(&source);
        check(
            redux_dataset_new(out(), context, list.data(), static_cast<std::int64_t>(list.size())));
    }
    std::int64_t volumes() const noexcept
    {
        return redux_dataset_volume_count(get());
    }
    std::int64_t slices() const noexcept
    {
        return redux_dataset_slice_count(get());
    }
    redux_volume_info info(std::int64_t volume) const
    {
        auto result = defaults<redux_volume_info>();
        check(redux_dataset_get_volume_info(&result, get(), volume));
        return result;
    }
    slice_name name(std::int64_t volume, std::int64_t slice) const
    {
        slice_name result{nullptr, 0};
        check(redux_dataset_get_slice_name(&result.source, &result.slice, get(), volume, slice));
        return result;
    }
    /// The number in the whole dataset, as rows of reductions count; -1: there is no such slice.
    std::int64_t number(std::int64_t volume, std::int64_t slice) const noexcept
    {
        return redux_dataset_slice_number(get(), volume, slice);
    }
    /// The inverse of number().
    slice_place place(std::int64_t number) const
    {
        slice_place result{0, 0};
        check(redux_dataset_get_place(&result.volume, &result.slice, get(), number));
        return result;
    }
    /// One slice under a window; for many of one volume redux::volume opens it once.
    tensor read(std::int64_t volume, std::int64_t slice, redux_window window,
                redux_context *context = nullptr) const
    {
        tensor result;
        check(redux_dataset_read_slice(result.out(), context, get(), volume, slice, window));
        return result;
    }
    std::int64_t skipped() const noexcept
    {
        return redux_dataset_skipped_count(get());
    }
};

class volume : public detail::handle<redux_volume, redux_volume_free>
{
  public:
    volume(const dataset &data, std::int64_t number, redux_context *context = nullptr)
        : handle(context), info_(data.info(number))
    {
        check(redux_volume_open(out(), context, data.get(), number));
    }
    const redux_volume_info &info() const noexcept
    {
        return info_;
    }
    /// As stored: value = info().slope * stored + info().intercept.
    tensor slice(std::int64_t index, redux_context *context = nullptr) const
    {
        tensor result;
        check(redux_volume_slice(result.out(), context, get(), index));
        return result;
    }
    /// Under a window: grey, uint8 or float32.
    tensor slice(std::int64_t index, redux_window window, redux_context *context = nullptr) const
    {
        tensor result;
        check(redux_volume_slice_windowed(result.out(), context, get(), index, window));
        return result;
    }

  private:
    redux_volume_info info_;
};

// ---- metrics -----------------------------------------------------------------------------------

inline double ssim(const tensor &a, const tensor &b,
                   const redux_ssim_options &options = defaults<redux_ssim_options>(),
                   redux_context *context = nullptr)
{
    double result = 0;
    check(redux_ssim(&result, context, a.get(), b.get(), &options));
    return result;
}
inline double ms_ssim(const tensor &a, const tensor &b,
                      const redux_ms_ssim_options &options = defaults<redux_ms_ssim_options>(),
                      redux_context *context = nullptr)
{
    double result = 0;
    check(redux_ms_ssim(&result, context, a.get(), b.get(), &options));
    return result;
}
/// Bits.
inline double entropy(const tensor &image,
                      const redux_histogram_options &options = defaults<redux_histogram_options>(),
                      redux_context *context = nullptr)
{
    double result = 0;
    check(redux_entropy(&result, context, image.get(), &options));
    return result;
}
/// Entropies, mutual information and its normalisations.
inline redux_information
information(const tensor &a, const tensor &b,
            const redux_histogram_options &options = defaults<redux_histogram_options>(),
            redux_context *context = nullptr)
{
    redux_information result;
    check(redux_information_compute(&result, context, a.get(), b.get(), &options));
    return result;
}
/// Nats, as ITK.
inline double mattes(const tensor &fixed, const tensor &moving,
                     const redux_mattes_options &options = defaults<redux_mattes_options>(),
                     redux_context *context = nullptr)
{
    double result = 0;
    check(redux_mattes(&result, context, fixed.get(), moving.get(), &options));
    return result;
}
inline redux_shift
phase_correlation(const tensor &a, const tensor &b,
                  const redux_phase_options &options = defaults<redux_phase_options>(),
                  redux_context *context = nullptr)
{
    redux_shift result;
    check(redux_phase_correlation(&result, context, a.get(), b.get(), &options));
    return result;
}

/// For each query k numbers (or ids) and scores, the most alike first; -1 and NaN where there are
/// fewer.
struct neighbours {
    std::vector<std::int64_t> ids;
    std::vector<double> scores;
    explicit neighbours(std::int64_t count)
        : ids(static_cast<std::size_t>(count)), scores(static_cast<std::size_t>(count))
    {
    }
};

class metric : public detail::handle<redux_metric, redux_metric_free>
{
  public:
    static metric hamming(redux_context *context = nullptr)
    {
        metric result(context);
        check(redux_metric_new_hamming(result.out(), context));
        return result;
    }
    static metric cosine(redux_context *context = nullptr)
    {
        metric result(context);
        check(redux_metric_new_cosine(result.out(), context));
        return result;
    }
    /// Of images: "ssim", "ms-ssim", "mi", "mattes", "phase-correlation", "conditional-entropy".
    static metric named(const std::string &name, redux_context *context = nullptr)
    {
        metric result(context);
        check(redux_metric_new_named(result.out(), context, name.c_str()));
        return result;
    }
    /// That of a reduction by these options; redux::items gives what it compares.
    static metric strategy(const redux_reduce_options &options, redux_context *context = nullptr)
    {
        metric result(context);
        check(redux_metric_new_strategy(result.out(), context, &options));
        return result;
    }
    /// One's own: what `definition` points to must outlive it.
    static metric custom(const redux_custom_metric &definition, redux_context *context = nullptr)
    {
        metric result(context);
        check(redux_metric_new_custom(result.out(), context, &definition));
        return result;
    }
    bool is_distance() const noexcept
    {
        return redux_metric_is_distance(get()) != 0;
    }
    double pair(const tensor &a, const tensor &b, redux_context *context = nullptr) const
    {
        double result = 0;
        check(redux_metric_pair(&result, context, get(), a.get(), b.get()));
        return result;
    }
    std::vector<double> one_to_many(const tensor &one, const tensor &many,
                                    redux_context *context = nullptr) const
    {
        std::vector<double> result(rows_of(many));
        check(redux_metric_one_to_many(result.data(), context, get(), one.get(), many.get()));
        return result;
    }
    /// Every redundant pair of rows.
    std::vector<redux_pair> pairs(const tensor &items, double threshold,
                                  redux_context *context = nullptr) const
    {
        struct collected {
            std::vector<redux_pair> pairs;
            redux::guard guard;
        } all;
        const auto add = [](const redux_pair *pair, void *user) noexcept {
            auto *to = static_cast<collected *>(user);
            return to->guard.run([&] { to->pairs.push_back(*pair); });
        };
        all.guard.check(redux_metric_pairs(context, get(), items.get(), threshold, add, &all));
        return std::move(all.pairs);
    }
    neighbours nearest(const tensor &queries, const tensor &items, std::int64_t k,
                       redux_context *context = nullptr) const
    {
        neighbours result(static_cast<std::int64_t>(rows_of(queries)) * k);
        check(redux_metric_nearest(result.ids.data(), result.scores.data(), context, get(),
                                   queries.get(), items.get(), k));
        return result;
    }

  private:
    explicit metric(redux_context *context) noexcept : handle(context)
    {
    }
    static std::size_t rows_of(const tensor &items)
    {
        return items.shape().empty() ? 0 : static_cast<std::size_t>(items.shape()[0]);
    }
};

/// What the metric of a strategy compares, of slices by their numbers in the dataset.
inline tensor items(const dataset &data, span<const std::int64_t> rows,
                    const redux_reduce_options &options, redux_context *context = nullptr)
{
    tensor result;
    check(redux_reduce_items(result.out(), context, data.get(), rows.data(),
                             static_cast<std::int64_t>(rows.size()), &options));
    return result;
}

// ---- hashes ------------------------------------------------------------------------------------

/// Codes of images [H, W] or [N, H, W]: [bytes] or [N, bytes] uint8.
inline tensor hash(const tensor &images,
                   const redux_hash_options &options = defaults<redux_hash_options>(),
                   redux_context *context = nullptr)
{
    check(redux_hash_check(&options));
    const std::int64_t bytes = redux_hash_bytes(&options);
    const bool many = images.shape().size() == 3;
    tensor result(REDUX_UINT8, many ? extents{images.shape()[0], bytes} : extents{bytes}, context);
    check(redux_hash_compute(result.get(), context, images.get(), &options));
    return result;
}
/// A code as its peer writes it: imagehash reads that of its profile.
inline std::string hash_text(span<const std::uint8_t> code,
                             const redux_hash_options &options = defaults<redux_hash_options>())
{
    if (static_cast<std::int64_t>(code.size()) != redux_hash_bytes(&options))
        throw error(REDUX_E_INVALID, "the code has another length than these options say");
    std::string text(2 * code.size() + 1, '\0');
    check(redux_hash_to_text(&text[0], code.data(), &options));
    text.resize(text.find('\0'));
    return text;
}

// ---- reductions --------------------------------------------------------------------------------

class manifest : public detail::handle<redux_manifest, redux_manifest_free>
{
  public:
    explicit manifest(const std::string &path, redux_context *context = nullptr) : handle(context)
    {
        check(redux_manifest_load(out(), context, path.c_str()));
    }
    std::int64_t size() const noexcept
    {
        return redux_manifest_row_count(get());
    }
    /// Strings belong to the manifest.
    redux_manifest_row operator[](std::int64_t row) const
    {
        redux_manifest_row result;
        check(redux_manifest_get_row(&result, get(), row));
        return result;
    }
    span<const char *const> sources() const noexcept
    {
        std::int64_t count = 0;
        const char *const *names = redux_manifest_sources(get(), &count);
        return {names, static_cast<std::size_t>(count)};
    }
    /// [slices of the dataset] uint8: 1 where the slice is kept.
    tensor kept(const dataset &data, redux_context *context = nullptr) const
    {
        tensor result;
        check(redux_manifest_get_kept(result.out(), context, get(), data.get()));
        return result;
    }
};

/// What became of each slice: made by redux::reduce.
class reduction : public detail::handle<redux_reduction, redux_reduction_free>
{
  public:
    reduction(const dataset &data, const redux_reduce_options &options, redux_context *context)
        : handle(context)
    {
        check(redux_reduce(out(), context, data.get(), &options));
    }
    redux_reduce_summary summary() const
    {
        redux_reduce_summary result{};
        result.struct_size = sizeof result;
        check(redux_reduction_get_summary(&result, get()));
        return result;
    }
    std::int64_t size() const noexcept
    {
        return redux_reduction_row_count(get());
    }
    redux_row operator[](std::int64_t row) const
    {
        redux_row result;
        check(redux_reduction_get_row(&result, get(), row));
        return result;
    }
    slice_name name(std::int64_t row) const
    {
        slice_name result{nullptr, 0};
        check(redux_reduction_get_name(&result.source, &result.slice, get(), row));
        return result;
    }
    /// The numbers of the slices to keep, in the order of the dataset.
    std::vector<std::int64_t> kept() const
    {
        std::vector<std::int64_t> result;
        for (std::int64_t i = 0; i < size(); i++)
            if ((*this)[i].kept != 0)
                result.push_back(i);
        return result;
    }
    /// The manifest alone.
    void save(const std::string &manifest) const
    {
        check(redux_manifest_save(manifest.c_str(), made_with(), get()));
    }
    /// The manifest and its parameters as JSON: both files or none.
    void save(const std::string &manifest, const std::string &summary, double seconds = 0) const
    {
        check(redux_results_save(manifest.c_str(), summary.c_str(), made_with(), get(), seconds));
    }
    /// The kept slices as files.
    void write_slices(const std::string &folder,
                      redux_export_format format = REDUX_EXPORT_PNG) const
    {
        check(redux_export(folder.c_str(), made_with(), get(), format));
    }
};

/// The dataset, and what the options point to, must outlive the reduction.
inline reduction reduce(const dataset &data,
                        const redux_reduce_options &options = defaults<redux_reduce_options>(),
                        redux_context *context = nullptr)
{
    return reduction(data, options, context);
}

// ---- search ------------------------------------------------------------------------------------

/// One hit of index::within.
struct found {
    std::int64_t query, id;
    double score;
};

class index : public detail::handle<redux_index, redux_index_free>
{
  public:
    /// `width`: bytes of a code, or dimensions of a vector.
    explicit index(std::int64_t width,
                   const redux_index_options &options = defaults<redux_index_options>(),
                   redux_context *context = nullptr)
        : handle(context)
    {
        check(redux_index_new(out(), context, width, &options));
    }
    /// A saved one, mapped read-only, or read into memory to be changed.
    static index open(const std::string &path, bool writable = false,
                      redux_context *context = nullptr)
    {
        index result(context);
        check(redux_index_open(result.out(), context, path.c_str(), writable));
        return result;
    }
    void save(const std::string &path) const
    {
        check(redux_index_save(path.c_str(), made_with(), get()));
    }
    std::int64_t size() const noexcept
    {
        return redux_index_count(get());
    }
    /// Ids: one for each row, or none for the numbers that follow.
    void add(const tensor &items, span<const std::int64_t> ids = {})
    {
        if (!ids.empty() &&
            (items.shape().empty() || ids.size() != static_cast<std::size_t>(items.shape()[0])))
            throw error(REDUX_E_INVALID, "as many ids as rows are needed, or none");
        check(redux_index_add(get(), made_with(), items.get(), ids.empty() ? nullptr : ids.data()));
    }
    /// How many were there and are gone.
    std::int64_t remove(span<const std::int64_t> ids)
    {
        std::int64_t removed = 0;
        check(redux_index_remove(&removed, get(), made_with(), ids.data(),
                                 static_cast<std::int64_t>(ids.size())));
        return removed;
    }
    void optimise()
    {
        check(redux_index_optimise(get(), made_with()));
    }
    neighbours nearest(const tensor &queries, std::int64_t k,
                       redux_context *context = nullptr) const
    {
        neighbours result((queries.shape().empty() ? 0 : queries.shape()[0]) * k);
        check(redux_index_nearest(result.ids.data(), result.scores.data(), context, get(),
                                  queries.get(), k));
        return result;
    }
    std::vector<found> within(const tensor &queries, double threshold,
                              redux_context *context = nullptr) const
    {
        struct collected {
            std::vector<found> hits;
            redux::guard guard;
        } all;
        const auto add = [](std::int64_t query, std::int64_t id, double score,
                            void *user) noexcept {
            auto *to = static_cast<collected *>(user);
            return to->guard.run([&] { to->hits.push_back({query, id, score}); });
        };
        all.guard.check(redux_index_within(context, get(), queries.get(), threshold, add, &all));
        return std::move(all.hits);
    }

  private:
    explicit index(redux_context *context) noexcept : handle(context)
    {
    }
};

// ---- weights and embeddings --------------------------------------------------------------------

class safetensors : public detail::handle<redux_safetensors, redux_safetensors_free>
{
  public:
    explicit safetensors(const std::string &path, redux_context *context = nullptr)
        : handle(context)
    {
        check(redux_safetensors_load(out(), context, path.c_str()));
    }
    std::int64_t size() const noexcept
    {
        return redux_safetensors_tensor_count(get());
    }
    const char *name(std::int64_t index) const noexcept
    {
        return redux_safetensors_name(get(), index);
    }
    bool has(const std::string &name) const noexcept
    {
        return redux_safetensors_find(get(), name.c_str()) >= 0;
    }
    /// A view of the file's memory, which stays as long as the view does: not to be written to.
    tensor operator[](std::int64_t index) const
    {
        tensor result;
        check(redux_safetensors_get_tensor(result.out(), get(), index));
        return result;
    }
    tensor operator[](const std::string &name) const
    {
        const std::int64_t index = redux_safetensors_find(get(), name.c_str());
        if (index < 0)
            throw error(REDUX_E_NOT_FOUND, name + ": there is no such tensor");
        return (*this)[index];
    }
    /// NULL where there is none of that key.
    const char *metadata(const std::string &key) const noexcept
    {
        return redux_safetensors_metadata(get(), key.c_str());
    }
};

/// What a safetensors file is to hold; tensors are viewed, not copied.
class safetensors_content
{
  public:
    void add(std::string name, const tensor &value)
    {
        names_.push_back(std::move(name));
        tensors_.push_back(value.view());
    }
    void describe(std::string key, std::string value)
    {
        keys_.push_back(std::move(key));
        values_.push_back(std::move(value));
    }
    void save(const std::string &path, redux_context *context = nullptr) const
    {
        std::vector<redux_tensor> tensors; // borrowed from tensors_
        tensors.reserve(tensors_.size());
        for (const tensor &one : tensors_)
            tensors.push_back(*one.get());
        const auto names = texts(names_), keys = texts(keys_), values = texts(values_);
        auto content = defaults<redux_safetensors_content>();
        content.count = static_cast<std::int64_t>(names.size());
        content.names = names.data();
        content.tensors = tensors.data();
        content.pair_count = static_cast<std::int64_t>(keys.size());
        content.keys = keys.data();
        content.values = values.data();
        check(redux_safetensors_save(path.c_str(), context, &content));
    }

  private:
    static std::vector<const char *> texts(const std::vector<std::string> &strings)
    {
        std::vector<const char *> result;
        result.reserve(strings.size());
        for (const std::string &one : strings)
            result.push_back(one.c_str());
        return result;
    }
    std::vector<std::string> names_, keys_, values_;
    std::vector<tensor> tensors_;
};

/// Batches of views for a training loop of one's own. The dataset must outlive it.
class loader : public detail::handle<redux_loader, redux_loader_free>
{
  public:
    explicit loader(const dataset &data,
                    const redux_loader_options &options = defaults<redux_loader_options>(),
                    span<const std::uint8_t> kept = {}, redux_context *context = nullptr)
        : handle(context)
    {
        if (!kept.empty() && static_cast<std::int64_t>(kept.size()) != data.slices())
            throw error(REDUX_E_INVALID, "as many bytes as slices are needed");
        check(redux_loader_new(out(), context, data.get(), kept.data(), &options));
    }
    /// The next batch: a tensor [batch, side, side, 1] a view, until the next call.
    span<const redux_tensor> next(redux_context *context = nullptr)
    {
        const redux_tensor *views = nullptr;
        check(redux_loader_next(&views, context, get()));
        return {views, static_cast<std::size_t>(redux_loader_view_count(get()))};
    }
    /// The numbers in the dataset of its slices.
    span<const std::int64_t> rows() const noexcept
    {
        const std::int64_t *rows = redux_loader_rows(get());
        return {rows, rows == nullptr ? 0 : static_cast<std::size_t>(redux_loader_batch(get()))};
    }
    std::int64_t slices() const noexcept
    {
        return redux_loader_slice_count(get());
    }
    std::int64_t batches() const noexcept
    {
        return redux_loader_batch_count(get());
    }
};

/// A network with weights; input() says how it wants its slices.
class encoder : public detail::handle<redux_network, redux_network_free>
{
  public:
    explicit encoder(const std::string &path, redux_context *context = nullptr)
        : handle(context), input_(defaults<redux_input_options>())
    {
        char name[REDUX_ENCODER_NAME];
        check(redux_encoder_load(out(), &input_, name, context, path.c_str()));
        name_ = name;
    }
    /// Random weights.
    explicit encoder(const redux_network_options &options, redux_context *context = nullptr)
        : handle(context), input_(defaults<redux_input_options>()), name_("random weights")
    {
        check(redux_network_new(out(), context, &options));
    }
    const std::string &name() const noexcept
    {
        return name_;
    }
    redux_input_options &input() noexcept
    {
        return input_;
    }
    std::int64_t features() const noexcept
    {
        return redux_network_features(get());
    }
    /// A weight file, as the first constructor and PyTorch read it.
    void save(const std::string &path, redux_context *context = nullptr) const
    {
        check(redux_network_save(path.c_str(), context, get(), &input_, nullptr));
    }
    /// [slices, features] float32.
    tensor embed(const dataset &data, std::int64_t batch = 0, redux_context *context = nullptr)
    {
        tensor result(REDUX_FLOAT32, {data.slices(), features()}, context);
        check(redux_embed(result.get(), nullptr, context, get(), data.get(), nullptr, &input_,
                          batch));
        return result;
    }

  private:
    redux_input_options input_;
    std::string name_;
};

} // namespace redux

#endif
