#include <benchmark/benchmark.h>
#include <spawn.h>
#include <sys/wait.h>

#include <array>
#include <filesystem>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/check.h"
#include "base/mutex.h"
#include "executors/process_pool/process_pool_executor.h"
#include "executors/processes/control_groups.h"
#include "executors/workers/worker_commands.h"

// Attempts a second through the whole executor. Run from the root of the
// sources: bazel run //executors/process_pool:process_pool_benchmark

namespace remuda {
namespace {

class Pool {
 public:
  explicit Pool(size_t slots, ControlGroupPlaces groups = {}) {
    const std::filesystem::path root =
        std::filesystem::absolute("executors/process_pool");
    const std::string helper = (root / "process_pool_helper").string();
    auto spawner = Spawner::Launch(helper);
    CHECK_OK(spawner);
    const std::string folder =
        (std::filesystem::temp_directory_path() / "pool-benchmark").string();
    ProcessPoolOptions options;
    options.slots = slots;
    options.groups = std::move(groups);
    options.spawner_program = helper;
    options.work_folder = folder + "/work";
    options.log_folder = folder + "/logs";
    const auto script =
        std::filesystem::absolute("workers/python/remuda_worker.pyz");
    options.workers = {NativeWorker(helper), PythonWorker(script.string())};
    auto executor = ProcessPoolExecutor::Create(options, *std::move(spawner),
                                                clock_, [this] {
                                                  MutexLock lock(mutex_);
                                                  notified_ = true;
                                                  changed_.NotifyAll();
                                                });
    CHECK_OK(executor);
    executor_ = *std::move(executor);
  }

  // Runs so many attempts, as the agent would: batches of what there is room
  // for, outcomes taken when there are some.
  void Run(const std::shared_ptr<const JobWork>& work, size_t count) {
    size_t started = 0;
    size_t ended = 0;
    while (ended < count) {
      std::vector<Attempt> batch;
      const size_t room = std::min(executor_->capacity(), count - started);
      for (size_t i = 0; i < room; ++i) {
        batch.push_back(
            {.id = {.job = work->id, .task = next_++, .fence = Fence{1}},
             .work = work,
             .item = "null"});
      }
      started += room;
      CHECK(executor_->Start(batch).ok());
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
  std::unique_ptr<ProcessPoolExecutor> executor_;
};

std::shared_ptr<const JobWork> MakeWork(const std::string& type,
                                        const std::string& with) {
  auto work = std::make_shared<JobWork>();
  work->id = JobId{1};
  work->job.type = type;
  work->job.with = with;
  auto parameters = ParameterTemplate::Parse(with);
  CHECK_OK(parameters);
  work->parameters = *std::move(parameters);
  return work;
}

void Measure(benchmark::State& state, const std::string& type,
             const std::string& with, size_t count) {
  Pool pool(static_cast<size_t>(state.range(0)));
  const auto work = MakeWork(type, with);
  pool.Run(work, 100);  // starts the workers
  for (auto _ : state) pool.Run(work, count);
  state.SetItemsProcessed(static_cast<int64_t>(count) * state.iterations());
}

void BM_NativeNoop(benchmark::State& state) {
  Measure(state, "noop", "{}", 100'000);
}
BENCHMARK(BM_NativeNoop)->Arg(1)->Arg(2)->Arg(4)->UseRealTime();

void BM_PythonCall(benchmark::State& state) {
  Measure(state, "python", R"({"function":"math:sqrt","args":[2]})", 20'000);
}
BENCHMARK(BM_PythonCall)->Arg(1)->Arg(2)->UseRealTime();

void BM_Command(benchmark::State& state) {
  Measure(state, "command", R"({"argv":["/bin/true"],"cwd":"/"})", 1000);
}
BENCHMARK(BM_Command)->Arg(1)->Arg(2)->Arg(4)->UseRealTime();

// With the groups that an agent has by default, which keep the number of
// processes.
void BM_CommandInGroups(benchmark::State& state) {
  const ControlGroupPlaces groups = FindControlGroups({});
  if (groups.processes.empty()) {
    state.SkipWithError(Describe(groups).c_str());
    return;
  }
  Pool pool(static_cast<size_t>(state.range(0)), groups);
  const auto work = MakeWork("command", R"({"argv":["/bin/true"],"cwd":"/"})");
  pool.Run(work, 100);
  for (auto _ : state) pool.Run(work, 1000);
  state.SetItemsProcessed(1000 * state.iterations());
}
BENCHMARK(BM_CommandInGroups)->Arg(1)->Arg(2)->Arg(4)->UseRealTime();

// The floor: the same program by the system's fastest way, one at a time.
void BM_PosixSpawn(benchmark::State& state) {
  std::string program = "/bin/true";
  std::array<char*, 2> argv = {program.data(), nullptr};
  for (auto _ : state) {
    pid_t pid = 0;
    CHECK(posix_spawn(&pid, program.c_str(), nullptr, nullptr, argv.data(),
                      environ) == 0);
    waitpid(pid, nullptr, 0);
  }
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(BM_PosixSpawn)->UseRealTime();

}  // namespace
}  // namespace remuda
