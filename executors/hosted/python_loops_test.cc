#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/check.h"
#include "base/mutex.h"
#include "base/random.h"
#include "executors/hosted/hosted_executor.h"
#include "executors/workers/worker_commands.h"

// How many loops the Python worker gets, by what its coroutines do.

namespace remuda {
namespace {

constexpr Duration kPatience = std::chrono::seconds(120);
constexpr size_t kWaiting = 1000;
constexpr size_t kComputing = 64;

constexpr char kModule[] = R"(
import asyncio, time

async def wait():
    await asyncio.sleep(1)

async def compute():
    await asyncio.sleep(0)
    end = time.thread_time() + 0.005
    while time.thread_time() < end:
        pass
)";

class PythonLoopsTest : public testing::Test {
 protected:
  PythonLoopsTest() : folder_(testing::TempDir() + "/loops-" + RandomHex(8)) {
    HostedOptions options;
    options.slots = kWaiting;
    options.workers_max = 2;
    options.spawner_program =
        std::filesystem::absolute("executors/process_pool/process_pool_helper")
            .string();
    options.work_folder = folder_ + "/work";
    options.log_folder = folder_ + "/logs";
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
    std::ofstream(folder_ + "/coroutines.py") << kModule;
  }

  void Start(const std::string& function, size_t count) {
    auto work = std::make_shared<JobWork>();
    work->id = JobId{1};
    work->job.type = "python";
    work->job.with = R"({"function":"coroutines:)" + function +
                     R"(","path":[")" + folder_ + "\"]}";
    work->parameters = *ParameterTemplate::Parse(work->job.with);
    std::vector<Attempt> batch(count);
    for (Attempt& attempt : batch) {
      attempt = {
          .id = {JobId{1}, next_++, Fence{1}}, .work = work, .item = "null"};
    }
    running_ += count;
    const absl::Status status = executor_->Start(batch);
    EXPECT_TRUE(status.ok()) << status;
  }

  void Take() {
    {
      MutexLock lock(mutex_);
      if (!notified_) changed_.WaitFor(mutex_, std::chrono::milliseconds(20));
      notified_ = false;
    }
    for (const Outcome& outcome : executor_->TakeOutcomes()) {
      EXPECT_EQ(outcome.ending, Ending::kSucceeded) << outcome.error;
      --running_;
    }
    const WorkerNumbers now = executor_->workers();
    workers_most_ =
        std::max<size_t>(workers_most_, now.starting + now.busy + now.idle);
  }

  const SystemClock clock_;
  const std::string folder_;
  Mutex mutex_;
  CondVar changed_;
  bool notified_ = false;
  TaskIndex next_ = 0;
  size_t running_ = 0;
  size_t workers_most_ = 0;
  std::unique_ptr<HostedExecutor> executor_;
};

TEST_F(PythonLoopsTest, CoroutinesThatWaitHaveOneLoop) {
  Start("wait", kWaiting);
  const MonotonicTime give_up = clock_.Now() + kPatience;
  while (running_ > 0 && clock_.Now() < give_up) Take();
  EXPECT_EQ(running_, 0u);
  EXPECT_EQ(workers_most_, 1u);
}

TEST_F(PythonLoopsTest, CoroutinesThatComputeGetASecondOne) {
  const MonotonicTime give_up = clock_.Now() + kPatience;
  while (workers_most_ < 2 && clock_.Now() < give_up) {
    if (running_ < kComputing) Start("compute", kComputing - running_);
    Take();
  }
  EXPECT_EQ(workers_most_, 2u);
  while (running_ > 0 && clock_.Now() < give_up) Take();
  EXPECT_EQ(running_, 0u);
}

}  // namespace
}  // namespace remuda
