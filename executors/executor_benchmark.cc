#include <algorithm>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/check.h"
#include "base/clock.h"
#include "base/mutex.h"
#include "benchmark/benchmark.h"
#include "executors/async/async_executor.h"
#include "executors/executor.h"
#include "executors/handlers/async_handlers.h"
#include "executors/handlers/blocking_handlers.h"
#include "executors/inline_executor.h"
#include "executors/process_pool/process_pool_executor.h"
#include "executors/thread_pool/thread_pool_executor.h"
#include "executors/workers/worker_commands.h"

// What an executor costs: time per task that does nothing, as the agent sees
// it. Run by `bazel run //executors:executor_benchmark`, or built and then by
// its path from anywhere; its helper lies beside it.

namespace remuda {
namespace {

// Wakes the benchmark as an executor would wake the agent's loop.
class Bell {
 public:
  void Ring() {
    MutexLock lock(mutex_);
    rung_ = true;
    condition_.NotifyOne();
  }
  void Await() {
    MutexLock lock(mutex_);
    while (!rung_) condition_.Wait(mutex_);
    rung_ = false;
  }

 private:
  Mutex mutex_;
  CondVar condition_;
  bool rung_ GUARDED_BY(mutex_) = false;
};

using Make = std::unique_ptr<Executor> (*)(const Clock&, Executor::Notify);

std::unique_ptr<Executor> MakeInline(const Clock& clock,
                                     Executor::Notify notify) {
  return std::make_unique<InlineExecutor>(1024, ShippedBlockingHandlers(),
                                          clock, std::move(notify));
}

std::unique_ptr<Executor> MakeAsync(const Clock& clock,
                                    Executor::Notify notify) {
  return std::make_unique<AsyncExecutor>(
      AsyncExecutorOptions{}, ShippedAsyncHandlers, clock, std::move(notify));
}

std::unique_ptr<Executor> MakeThreadPool(const Clock& clock,
                                         Executor::Notify notify) {
  return std::make_unique<ThreadPoolExecutor>(
      ThreadPoolOptions{}, ShippedBlockingHandlers(), clock, std::move(notify));
}

// One native worker.
std::unique_ptr<Executor> MakeProcessPool(const Clock& clock,
                                          Executor::Notify notify) {
  namespace fs = std::filesystem;
  const fs::path helper = fs::read_symlink("/proc/self/exe").parent_path() /
                          "process_pool/process_pool_helper";
  auto spawner = Spawner::Launch(helper);
  CHECK_OK(spawner);
  const fs::path folder = fs::temp_directory_path() / "executor-benchmark";
  ProcessPoolOptions options;
  options.spawner_program = helper;
  options.work_folder = folder / "work";
  options.log_folder = folder / "logs";
  options.workers = {NativeWorker(helper)};
  auto executor = ProcessPoolExecutor::Create(options, *std::move(spawner),
                                              clock, std::move(notify));
  CHECK_OK(executor);
  return *std::move(executor);
}

// Starts all, as capacity allows, and takes their outcomes.
void RunAll(Executor& executor, Bell& bell, std::span<const Attempt> batch) {
  size_t started = 0;
  for (size_t taken = 0; taken < batch.size();) {
    const size_t more = std::min(batch.size() - started, executor.capacity());
    CHECK_OK(executor.Start(batch.subspan(started, more)));
    started += more;
    bell.Await();
    for (const Outcome& outcome : executor.TakeOutcomes()) {
      CHECK(outcome.ending == Ending::kSucceeded);
      ++taken;
    }
  }
}

// Time from the start of a batch until its last outcome was taken; "items" are
// tasks. What starts with the first tasks, such as a worker, is there already.
void RunBatches(benchmark::State& state, Make make, const std::string& type,
                const std::string& with) {
  const SystemClock clock;
  Bell bell;
  const std::unique_ptr<Executor> executor =
      make(clock, [&bell] { bell.Ring(); });
  auto work = std::make_shared<JobWork>();
  work->id = JobId{1};
  work->job.type = type;
  work->job.with = with;
  work->parameters = *ParameterTemplate::Parse(with);
  TaskIndex task = 0;
  const auto run = [&](std::vector<Attempt>& batch) {
    for (Attempt& attempt : batch) {
      attempt = {
          .id = {JobId{1}, task++, Fence{1}}, .work = work, .item = "null"};
    }
    RunAll(*executor, bell, batch);
  };
  std::vector<Attempt> first(100);
  run(first);
  std::vector<Attempt> batch(static_cast<size_t>(state.range(0)));
  for (auto _ : state) run(batch);
  state.SetItemsProcessed(state.iterations() * state.range(0));
}

#define REMUDA_BENCHMARK_NOOP(make)                              \
  BENCHMARK_CAPTURE(RunBatches, noop_##make, make, "noop", "{}") \
      ->Arg(1)                                                   \
      ->Arg(64)                                                  \
      ->Arg(1024)                                                \
      ->UseRealTime()

REMUDA_BENCHMARK_NOOP(MakeInline);
REMUDA_BENCHMARK_NOOP(MakeAsync);
REMUDA_BENCHMARK_NOOP(MakeThreadPool);
REMUDA_BENCHMARK_NOOP(MakeProcessPool);

// What a coroutine with a timer costs beyond a noop.
BENCHMARK_CAPTURE(RunBatches, sleep_MakeAsync, MakeAsync, "sleep",
                  "{\"seconds\": 0}")
    ->Arg(1024)
    ->UseRealTime();

}  // namespace
}  // namespace remuda
