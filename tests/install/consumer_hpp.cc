// SPDX-License-Identifier: MIT
// A C++ program of redux.hpp, built against the installed library and run: consumer_hpp FOLDER, to
// which it may write. It runs in the project's root, where data/ct is.
#include <redux.hpp>

#include <array>
#include <atomic>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <type_traits>
#include <vector>

namespace
{

int failures = 0;

void expect(bool condition, const char *what, int line)
{
    if (condition)
        return;
    std::fprintf(stderr, "consumer_hpp.cc:%d: not so: %s\n", line, what);
    failures++;
}
#define EXPECT(condition) expect(condition, #condition, __LINE__)

template <class Work> redux_status thrown_by(Work work)
{
    try {
        work();
    } catch (const redux::error &error) {
        return *error.what() != '\0' ? error.status() : REDUX_OK;
    }
    return REDUX_OK;
}

// Owners move, and do not copy; they are no larger than what they own and the context.
static_assert(!std::is_copy_constructible_v<redux::tensor>);
static_assert(!std::is_copy_assignable_v<redux::dataset>);
static_assert(std::is_nothrow_move_constructible_v<redux::reduction>);
static_assert(std::is_nothrow_move_assignable_v<redux::tensor>);
static_assert(sizeof(redux::tensor) == sizeof(redux_tensor));
static_assert(sizeof(redux::dataset) == 2 * sizeof(void *));
// A context that ends with the expression cannot own anything.
static_assert(!std::is_convertible_v<redux::context, redux_context *>);
static_assert(std::is_convertible_v<redux::context &, redux_context *>);
static_assert(redux::dtype_of<float>() == REDUX_FLOAT32);
static_assert(redux::dtype_of<double>() == REDUX_FLOAT64);
static_assert(redux::dtype_of<std::uint8_t>() == REDUX_UINT8);
static_assert(redux::dtype_of<std::int16_t>() == REDUX_INT16);
static_assert(redux::dtype_of<std::uint64_t>() == REDUX_UINT64);
static_assert(redux::dtype_of<bool>() == REDUX_BOOL);

/// An allocator that counts what is out.
std::atomic<int> blocks{0};
void *count_allocate(std::size_t size, std::size_t alignment, void *)
{
    blocks++;
    return std::aligned_alloc(alignment, (size + alignment - 1) / alignment * alignment);
}
void count_deallocate(void *pointer, void *)
{
    blocks--;
    std::free(pointer);
}
redux_context_options counting()
{
    auto options = redux::defaults<redux_context_options>();
    options.allocate = count_allocate;
    options.deallocate = count_deallocate;
    options.threads = 2;
    return options;
}

void test_tensors()
{
    std::vector<float> memory{1, 2, 3, 4, 5, 6};
    auto tensor = redux::tensor::borrow(memory.data(), {2, 3});
    EXPECT(tensor.size() == 6 && tensor.is_contiguous() && tensor.shape()[1] == 3);
    tensor.at<float>(1, 2) = 60;
    EXPECT(memory[5] == 60);
    const auto turned = tensor.permute({1, 0});
    EXPECT(turned.shape()[0] == 3 && turned.at<float>(2, 1) == 60);
    EXPECT(thrown_by([&] { (void)turned.values<float>(); }) == REDUX_E_INVALID);
    EXPECT(thrown_by([&] { (void)tensor.data<double>(); }) == REDUX_E_INVALID);
    EXPECT(thrown_by([&] { (void)tensor.permute({0}); }) == REDUX_E_INVALID);
    const auto copy = turned.contiguous(REDUX_FLOAT64);
    EXPECT(copy.values<const double>()[1] == 4);
    EXPECT(tensor.slice(1, 2, 2, -1).at<float>(0, 0) == 3);
    EXPECT(tensor.select(0, 1).shape().size() == 1);
    EXPECT(tensor.reshape({3, 2}).at<float>(2, 1) == 60);
    redux::tensor moved = std::move(tensor);
    EXPECT(moved.at<float>(0, 1) == 2);
    const std::array<const std::int16_t, 4> fixed{1, 2, 3, 4};
    const auto strided = redux::tensor::borrow(fixed.data(), {2}, {3});
    EXPECT(strided.at<std::int16_t>(1) == 4);
    EXPECT(thrown_by([] {
               redux::tensor(REDUX_UINT8, {1, 1, 1, 1, 1, 1, 1, 1, 1});
           }) == REDUX_E_INVALID);
    EXPECT(thrown_by([] { redux::tensor(REDUX_UINT8, {-1}); }) == REDUX_E_INVALID);
    redux::tensor target(REDUX_INT32, std::vector<std::int64_t>{2, 3});
    moved.copy_to(target);
    EXPECT(target.values<std::int32_t>()[5] == 60);
    EXPECT(thrown_by([&] { moved.copy_to(copy); }) == REDUX_E_INVALID);
}

redux::tensor gradient(std::int64_t side, int shift)
{
    redux::tensor image(REDUX_UINT8, {side, side});
    for (std::int64_t y = 0; y < side; y++)
        for (std::int64_t x = 0; x < side; x++)
            image.at<std::uint8_t>(y, x) = static_cast<std::uint8_t>((x * 3 + y * y + shift) % 200);
    return image;
}

void test_metrics_and_search()
{
    const auto a = gradient(64, 0), b = gradient(64, 40);
    EXPECT(redux::ssim(a, a) == 1 && redux::ssim(a, b) < 1);
    EXPECT(redux::ms_ssim(a, a) == 1);
    EXPECT(std::fabs(redux::information(a, a).mutual - redux::entropy(a)) < 1e-12);
    EXPECT(redux::mattes(a, b) > 0);
    EXPECT(redux::phase_correlation(a, a).height > 0.99);
    EXPECT(redux::metric::named("ssim").pair(a, b) == redux::ssim(a, b));
    EXPECT(thrown_by([] { redux::metric::named("sism"); }) == REDUX_E_NOT_FOUND);

    const std::vector<float> directions{1, 0, 0, 1, 1, 1, -1, 0};
    const auto vectors = redux::tensor::borrow(directions.data(), {4, 2});
    const auto cosine = redux::metric::cosine();
    EXPECT(!cosine.is_distance() && redux::metric::hamming().is_distance());
    const auto scores = cosine.one_to_many(vectors.select(0, 0), vectors);
    EXPECT(scores.size() == 4 && scores[0] == 1 && scores[1] == 0 && scores[3] == -1);
    const auto pairs = cosine.pairs(vectors, 0.7);
    EXPECT(pairs.size() == 2 && pairs[1].first == 1 && pairs[1].second == 2);
    const auto near = cosine.nearest(vectors.slice(0, 2, 1), vectors, 3);
    EXPECT(near.ids[0] == 2 && near.scores[0] > 0.999 && near.ids.size() == 3);

    auto options = redux::defaults<redux_index_options>();
    options.kind = REDUX_INDEX_COSINE;
    redux::index index(2, options);
    index.add(vectors, std::vector<std::int64_t>{10, 20, 30, 40});
    EXPECT(index.size() == 4 && index.nearest(vectors.slice(0, 3, 1), 1).ids[0] == 40);
    const auto hits = index.within(vectors.slice(0, 0, 1), 0.7);
    EXPECT(hits.size() == 2 && hits[0].id == 10 && hits[1].id == 30 && hits[1].query == 0);
    EXPECT(index.remove(std::array<std::int64_t, 2>{20, 21}) == 1 && index.size() == 3);
    EXPECT(thrown_by([&] { index.add(vectors, std::vector<std::int64_t>{1}); }) == REDUX_E_INVALID);
}

void test_hashes()
{
    auto options = redux::defaults<redux_hash_options>();
    options.profile = REDUX_PROFILE_IMAGEHASH;
    const auto code = redux::hash(gradient(64, 0), options);
    EXPECT(code.shape().size() == 1 && code.size() == 8);
    const std::string text = redux::hash_text(code.values<const std::uint8_t>(), options);
    EXPECT(text.size() == 16 && text.find_first_not_of("0123456789abcdef") == std::string::npos);
    const std::uint8_t known[8] = {0x01, 0x23, 0x45, 0x67, 0x89, 0xab, 0xcd, 0xef};
    EXPECT(redux::hash_text(known, options) == "0123456789abcdef");
    EXPECT(thrown_by([&] { redux::hash_text({known, 7}, options); }) == REDUX_E_INVALID);
    options.profile = REDUX_PROFILE_PDQ;
    EXPECT(thrown_by([&] { redux::hash(gradient(64, 0), options); }) == REDUX_E_INVALID);
}

void test_reductions(const std::string &folder, redux_context *context)
{
    redux::dataset data("data/ct", redux::defaults<redux_dataset_options>(), context);
    EXPECT(data.volumes() == 4 && data.slices() == 199 && data.skipped() == 0);
    EXPECT(data.info(3).slices == 47 && data.name(1, 5).slice == 5);
    EXPECT(thrown_by([&] { (void)data.info(4); }) == REDUX_E_INVALID);

    const redux::volume scan(data, 3, context);
    const auto stored = scan.slice(20, context);
    EXPECT(stored.dtype() == REDUX_INT16 && stored.shape()[0] == scan.info().height);
    const auto lung = scan.slice(20, redux::window("lung"), context);
    const double hu = scan.info().slope * stored.at<std::int16_t>(70, 70) + scan.info().intercept;
    EXPECT(data.number(3, 20) == 172 && data.number(4, 0) == -1);
    EXPECT(data.place(172).volume == 3 && data.place(172).slice == 20);
    EXPECT(thrown_by([&] { (void)data.place(199); }) == REDUX_E_INVALID);
    const auto read = data.read(3, 20, redux::window("lung"), context);
    EXPECT(read.at<float>(70, 70) == lung.at<float>(70, 70));
    EXPECT(redux::window_text(redux::window("lung")) == "-1350:150");
    EXPECT(std::fabs(lung.at<float>(70, 70) - std::fmin(1, std::fmax(0, (hu + 1350) / 1500))) <
           1e-6);

    const auto pixels = gradient(64, 0).reshape({4, 16, 64});
    std::vector<redux_volume_source> sources{redux::defaults<redux_volume_source>()};
    sources[0].source = "mine";
    sources[0].voxels = pixels.get();
    const redux::dataset mine(sources, context);
    EXPECT(mine.slices() == 4 && std::string(mine.name(0, 2).source) == "mine");
    EXPECT(mine.read(0, 2, redux::window("full")).at<std::uint8_t>(1, 5) ==
           pixels.at<std::uint8_t>(2, 1, 5));
    sources[0].source = nullptr;
    EXPECT(thrown_by([&] { redux::dataset(sources, context); }) == REDUX_E_INVALID);

    auto options = redux::defaults<redux_reduce_options>();
    options.strategy = REDUX_STRATEGY_SSIM;
    options.keep_percent = 25;
    auto reduction = redux::reduce(data, options, context);
    EXPECT(reduction.size() == 199 && reduction.summary().kept == 50);
    const auto kept = reduction.kept();
    EXPECT(kept.size() == 50 && reduction[kept[7]].kept == 1);
    std::int64_t dropped = 0;
    while (reduction[dropped].kept)
        dropped++;
    auto single = options;
    single.keep_percent = REDUX_NAN;
    const auto metric = redux::metric::strategy(single);
    const auto pair = redux::items(
        data, std::array<std::int64_t, 2>{reduction[dropped].witness, dropped}, single);
    EXPECT(metric.pair(pair.select(0, 0), pair.select(0, 1)) == reduction[dropped].score);
    const std::string path = folder + "/kept.csv";
    reduction.save(path, folder + "/kept.json", 1.5);
    reduction.write_slices(folder + "/kept");

    const redux::manifest manifest(path, context);
    EXPECT(manifest.size() == 199 && manifest.sources().size() == 4);
    EXPECT(manifest[kept[7]].kept == 1 && manifest[kept[7]].slice == reduction.name(kept[7]).slice);
    const auto mask = manifest.kept(data, context);
    int ones = 0;
    for (const std::uint8_t one : mask.values<const std::uint8_t>())
        ones += one;
    EXPECT(ones == 50);
    auto other = std::move(reduction); // the owner moves, the object stays
    EXPECT(other.size() == 199 && !reduction);
    options.keep_percent = 120;
    EXPECT(thrown_by([&] { redux::reduce(data, options, context); }) == REDUX_E_INVALID);
}

void test_weights(const std::string &folder, redux_context *context)
{
    const std::vector<float> memory{1, 2, 3, 4};
    const std::string path = folder + "/small.safetensors";
    {
        redux::safetensors_content content;
        content.add("turned", redux::tensor::borrow(memory.data(), {2, 2}).permute({1, 0}));
        content.describe("made by", "a test");
        content.save(path, context);
    }
    redux::tensor seen;
    {
        const redux::safetensors file(path, context);
        EXPECT(file.size() == 1 && std::string(file.name(0)) == "turned" && file.has("turned"));
        EXPECT(std::string(file.metadata("made by")) == "a test" && !file.metadata("nothing"));
        EXPECT(thrown_by([&] { (void)file["other"]; }) == REDUX_E_NOT_FOUND);
        seen = file["turned"];
    }
    EXPECT(seen.at<float>(0, 1) == 3); // the file's memory lives as long as the view

    auto options = redux::defaults<redux_network_options>();
    options.width = 0.125;
    redux::encoder encoder(options, context);
    encoder.input().size = 32;
    const redux::dataset data("data/ct/STS_019_CT.nii.gz");
    auto loading = redux::defaults<redux_loader_options>();
    loading.batch = 8;
    loading.batches = 2;
    redux::loader loader(data, loading, {}, context);
    EXPECT(loader.slices() == 47 && loader.batches() == 5 && loader.rows().empty());
    const auto views = loader.next(context);
    EXPECT(views.size() == 2 && views[1].shape[0] == 8 && views[1].shape[1] == 64);
    EXPECT(loader.rows().size() == 8 && loader.rows()[0] < 47);
    (void)loader.next(context);
    EXPECT(thrown_by([&] { (void)loader.next(context); }) == REDUX_E_INVALID);
    const auto features = encoder.embed(data, 0, context);
    EXPECT(features.shape()[0] == 47 && features.shape()[1] == encoder.features());
    EXPECT(encoder.features() == 64);
    const std::string saved = folder + "/encoder.safetensors";
    encoder.save(saved, context);
    redux::encoder loaded(saved, context);
    EXPECT(loaded.input().size == 32);
    const auto same = loaded.embed(data, 0, context);
    EXPECT(std::memcmp(same.data<float>(), features.data<float>(), 47 * 64 * sizeof(float)) == 0);
    EXPECT(thrown_by([&] { redux::encoder(path, context); }) == REDUX_E_FORMAT);
}

// ---- callbacks that throw ----

struct mine : std::runtime_error {
    using std::runtime_error::runtime_error;
};

/// What a call throws that is checked by a guard.
template <class Work> bool throws_mine(redux::guard &guard, Work work)
{
    try {
        guard.check(work());
    } catch (const mine &) {
        return true;
    }
    return false;
}

/// Throws in the third call, or never.
struct host {
    redux::guard guard;
    std::atomic<int> calls{0};
    bool throws = true;
    int step()
    {
        return guard.run([this] {
            if (++calls >= 3 && throws)
                throw mine("from a callback");
        });
    }
};

void test_progress_that_throws(const redux::context &context, host &progress)
{
    const redux::dataset dataset("data/ct/STS_019_CT.nii.gz",
                                 redux::defaults<redux_dataset_options>(), context);
    redux_reduction *reduction = nullptr;
    const auto reduce = [&] { return redux_reduce(&reduction, context, dataset.get(), nullptr); };
    EXPECT(throws_mine(progress.guard, reduce));
    EXPECT(reduction == nullptr);
    progress.throws = false;
    EXPECT(!throws_mine(progress.guard, reduce) && reduction != nullptr);
    redux_reduction_free(reduction);
}

/// On all threads; every score is asked for, since a metric cannot cancel.
void test_metric_that_throws(const redux::context &context)
{
    host metric;
    redux_custom_metric custom = REDUX_CUSTOM_METRIC_INIT;
    custom.pair = [](const redux_tensor *, const redux_tensor *, void *user) noexcept {
        return static_cast<host *>(user)->step() == 0 ? 0.5 : std::nan("");
    };
    custom.user = &metric;
    redux_metric *own = nullptr;
    EXPECT(redux_metric_new_custom(&own, context, &custom) == REDUX_OK);
    const redux::tensor items(REDUX_UINT8, {64, 8, 8});
    const auto one = items.select(0, 0);
    std::vector<double> scores(64);
    EXPECT(throws_mine(metric.guard, [&] {
        return redux_metric_one_to_many(scores.data(), context, own, one.get(), items.get());
    }));
    EXPECT(metric.calls == 64);
    redux_metric_free(own);
}

void test_loader_that_throws(const redux::context &context)
{
    host loader;
    redux_volume_source source = REDUX_VOLUME_SOURCE_INIT;
    source.source = "function";
    source.slices = 16;
    source.height = source.width = 32;
    source.load_slice = [](redux_tensor *out, redux_context *, std::int64_t, std::int64_t,
                           void *user) noexcept {
        const std::int64_t shape[] = {32, 32};
        return static_cast<host *>(user)->step() == 0
                   ? redux_tensor_new(out, nullptr, REDUX_UINT8, 2, shape)
                   : REDUX_E_CANCELLED;
    };
    source.user = &loader;
    const redux_volume_source *sources[] = {&source};
    redux_dataset *dataset = nullptr;
    redux_reduction *reduction = nullptr;
    EXPECT(redux_dataset_new(&dataset, context, sources, 1) == REDUX_OK);
    const auto reduce = [&] { return redux_reduce(&reduction, context, dataset, nullptr); };
    EXPECT(throws_mine(loader.guard, reduce));
    EXPECT(reduction == nullptr);
    loader.throws = false;
    EXPECT(!throws_mine(loader.guard, reduce) && reduction != nullptr);
    redux_reduction_free(reduction);
    redux_dataset_free(dataset);
}

/// The host has its exception back, the context works on, and nothing is lost.
void test_callbacks_that_throw(std::int32_t threads)
{
    host progress, log;
    auto options = counting();
    options.threads = threads;
    options.progress = [](std::int64_t, std::int64_t, void *user) noexcept {
        return static_cast<host *>(user)->step();
    };
    options.progress_user = &progress;
    options.log = [](redux_log_level, const char *, void *user) noexcept {
        static_cast<host *>(user)->step();
    };
    options.log_user = &log;
    {
        const redux::context context(options);
        test_progress_that_throws(context, progress);
        test_metric_that_throws(context);
        test_loader_that_throws(context);
    }
    EXPECT(blocks == 0);
}

} // namespace

int main(int argc, char **argv)
{
    if (argc != 2)
        return 2;
    try {
        test_tensors();
        test_metrics_and_search();
        test_hashes();
        {
            const redux::context context(counting());
            EXPECT(context.threads() == 2);
            test_reductions(argv[1], context);
            test_weights(argv[1], context);
            EXPECT(blocks > 0);
        }
        EXPECT(blocks == 0); // all that was made is released
        test_callbacks_that_throw(1);
        test_callbacks_that_throw(3);
        EXPECT(redux::context(3).threads() == 3);
        EXPECT(thrown_by([] { redux::dataset("nothing.nii"); }) == REDUX_E_NOT_FOUND);
    } catch (const std::exception &error) {
        std::fprintf(stderr, "consumer_hpp.cc: %s\n", error.what());
        return 1;
    }
    if (failures == 0)
        std::printf("redux.hpp: libredux %s\n", redux_version_string());
    return failures != 0;
}
