#include <algorithm>
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
#include "executors/thread_pool/thread_pool_executor.h"

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

// Time from the start of a batch, as capacity allows, until its last outcome
// was taken; "items" are tasks.
void RunBatches(benchmark::State& state, Make make, const std::string& type,
                const std::string& with) {
  const SystemClock clock;
  Bell bell;
  const std::unique_ptr<Executor> executor =
      make(clock, [&bell] { bell.Ring(); });
  auto work = std::make_shared<JobWork>();
  work->job.type = type;
  work->parameters = *ParameterTemplate::Parse(with);
  std::vector<Attempt> batch(static_cast<size_t>(state.range(0)));
  TaskIndex task = 0;
  for (auto _ : state) {
    for (Attempt& attempt : batch) {
      attempt = {
          .id = {JobId{1}, task++, Fence{1}}, .work = work, .item = "null"};
    }
    size_t started = 0;
    for (size_t taken = 0; taken < batch.size();) {
      const size_t more =
          std::min(batch.size() - started, executor->capacity());
      CHECK_OK(executor->Start(std::span(batch).subspan(started, more)));
      started += more;
      bell.Await();
      taken += executor->TakeOutcomes().size();
    }
  }
  state.SetItemsProcessed(static_cast<int64_t>(task));
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

// What a coroutine with a timer costs beyond a noop.
BENCHMARK_CAPTURE(RunBatches, sleep_MakeAsync, MakeAsync, "sleep",
                  "{\"seconds\": 0}")
    ->Arg(1024)
    ->UseRealTime();

}  // namespace
}  // namespace remuda
