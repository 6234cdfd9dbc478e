#include <benchmark/benchmark.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/check.h"
#include "base/mutex.h"
#include "executors/hosted/hosted_executor.h"
#include "executors/workers/worker_commands.h"

// What a Python function that does nothing costs on threads and on an event
// loop, through the whole executor. Run from the root of the sources:
// bazel run //executors/hosted:hosted_benchmark

namespace remuda {
namespace {

constexpr size_t kTasks = 20'000;

class Host {
 public:
  Host(ExecutorKind kind, size_t slots) {
    const std::filesystem::path folder =
        std::filesystem::temp_directory_path() / "hosted-benchmark";
    HostedOptions options;
    options.kind = kind;
    options.slots = slots;
    options.spawner_program =
        std::filesystem::absolute("executors/process_pool/process_pool_helper")
            .string();
    options.work_folder = (folder / "work").string();
    options.log_folder = (folder / "logs").string();
    options.workers = {PythonWorker(
        std::filesystem::absolute("workers/python/remuda_worker.pyz")
            .string())};
    auto executor = HostedExecutor::Create(options, clock_, [this] {
      MutexLock lock(mutex_);
      notified_ = true;
      changed_.NotifyAll();
    });
    CHECK_OK(executor);
    executor_ = *std::move(executor);
    std::ofstream(folder / "nothing.py")
        << "def plain(): pass\nasync def later(): pass\n";
    auto work = std::make_shared<JobWork>();
    work->id = JobId{1};
    work->job.type = "python";
    work->job.with =
        "{\"function\":\"nothing:" +
        std::string(kind == ExecutorKind::kAsync ? "later" : "plain") +
        "\",\"path\":[\"" + folder.string() + "\"]}";
    work->parameters = *ParameterTemplate::Parse(work->job.with);
    work_ = std::move(work);
  }

  // As the agent would: batches of what there is room for, outcomes taken
  // when there are some.
  void Run(size_t count) {
    size_t started = 0;
    for (size_t ended = 0; ended < count;) {
      std::vector<Attempt> batch(
          std::min(executor_->capacity(), count - started));
      for (Attempt& attempt : batch) {
        attempt = {
            .id = {JobId{1}, next_++, Fence{1}}, .work = work_, .item = "null"};
      }
      started += batch.size();
      CHECK_OK(executor_->Start(batch));
      {
        MutexLock lock(mutex_);
        while (!notified_) changed_.Wait(mutex_);
        notified_ = false;
      }
      for (const Outcome& outcome : executor_->TakeOutcomes()) {
        CHECK(outcome.ending == Ending::kSucceeded);
        ++ended;
      }
    }
  }

 private:
  const SystemClock clock_;
  Mutex mutex_;
  CondVar changed_;
  bool notified_ = false;
  TaskIndex next_ = 0;
  std::shared_ptr<const JobWork> work_;
  std::unique_ptr<HostedExecutor> executor_;
};

void Measure(benchmark::State& state, ExecutorKind kind) {
  Host host(kind, static_cast<size_t>(state.range(0)));
  host.Run(100);  // starts the worker
  for (auto _ : state) host.Run(kTasks);
  state.SetItemsProcessed(static_cast<int64_t>(kTasks) * state.iterations());
}

// Of one worker, at so many slots.
void BM_PythonThreads(benchmark::State& state) {
  Measure(state, ExecutorKind::kThreadPool);
}
BENCHMARK(BM_PythonThreads)->Arg(1)->Arg(64)->UseRealTime();

void BM_PythonLoop(benchmark::State& state) {
  Measure(state, ExecutorKind::kAsync);
}
BENCHMARK(BM_PythonLoop)->Arg(64)->Arg(10'000)->UseRealTime();

}  // namespace
}  // namespace remuda
