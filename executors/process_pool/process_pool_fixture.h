#pragma once

#include <gtest/gtest.h>
#include <poll.h>

#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/check.h"
#include "base/mutex.h"
#include "base/random.h"
#include "executors/process_pool/process_pool_executor.h"
#include "executors/processes/process_tree.h"
#include "executors/workers/worker_commands.h"

namespace remuda {

inline constexpr char kPoolHelper[] =
    "executors/process_pool/process_pool_helper";

// Long enough for any machine; reaching it is a failure.
inline constexpr Duration kTestPatience = std::chrono::seconds(120);

inline bool WaitUntil(const std::function<bool()>& condition) {
  const SystemClock clock;
  const MonotonicTime give_up = clock.Now() + kTestPatience;
  while (clock.Now() < give_up) {
    if (condition()) return true;
    poll(nullptr, 0, 2);
  }
  return condition();
}

inline bool IsAlive(pid_t pid) {
  const std::optional<ProcessFacts> facts = ReadProcess(pid);
  return facts.has_value() && facts->state != 'Z';
}

class ProcessPoolTest : public testing::Test {
 protected:
  ProcessPoolTest() {
    const auto temporary = std::filesystem::temp_directory_path();
    folder_ = (temporary / ("pool-" + RandomHex(8))).string();
    std::filesystem::create_directory(folder_);
    options_.slots = 4;
    options_.spawner_program = std::filesystem::absolute(kPoolHelper).string();
    options_.work_folder = folder_ + "/work";
    options_.log_folder = folder_ + "/logs";
  }
  ~ProcessPoolTest() override {
    executor_.reset();
    std::error_code ignored;
    std::filesystem::remove_all(folder_, ignored);
  }

  void Make() {
    auto spawner = Spawner::Launch(options_.spawner_program, options_.ties);
    ASSERT_TRUE(spawner.ok()) << spawner.status();
    auto executor = ProcessPoolExecutor::Create(options_, *std::move(spawner),
                                                clock_, [this] {
                                                  MutexLock lock(mutex_);
                                                  notified_ = true;
                                                  changed_.NotifyAll();
                                                });
    ASSERT_TRUE(executor.ok()) << executor.status();
    executor_ = *std::move(executor);
  }

  static std::shared_ptr<const JobWork> Work(const std::string& type,
                                             const std::string& with) {
    auto work = std::make_shared<JobWork>();
    work->id = JobId{7};
    work->job.type = type;
    work->job.with = with;
    auto parameters = ParameterTemplate::Parse(with);
    CHECK_OK(parameters);
    work->parameters = *std::move(parameters);
    return work;
  }

  Attempt Next(std::shared_ptr<const JobWork> work, std::string item = "null") {
    return {.id = {.job = work->id, .task = next_task_++, .fence = Fence{1}},
            .work = std::move(work),
            .item = std::move(item)};
  }

  AttemptId Start(const std::string& type, const std::string& with,
                  std::string item = "null") {
    const Attempt attempt = Next(Work(type, with), std::move(item));
    const absl::Status status = executor_->Start(std::vector{attempt});
    EXPECT_TRUE(status.ok()) << status;
    return attempt.id;
  }

  void TakeAll() {
    {
      MutexLock lock(mutex_);
      notified_ = false;
    }
    for (Outcome& outcome : executor_->TakeOutcomes()) {
      const AttemptId id = outcome.id;
      EXPECT_TRUE(outcomes_.emplace(id, std::move(outcome)).second)
          << "reported twice";
    }
  }

  bool AwaitCount(size_t count) {
    const MonotonicTime give_up = clock_.Now() + kTestPatience;
    while (outcomes_.size() < count && clock_.Now() < give_up) {
      {
        MutexLock lock(mutex_);
        if (!notified_) {
          changed_.WaitFor(mutex_, std::chrono::milliseconds(50));
        }
      }
      TakeAll();
    }
    return outcomes_.size() >= count;
  }

  Outcome Await(AttemptId id) {
    const MonotonicTime give_up = clock_.Now() + kTestPatience;
    while (!outcomes_.contains(id) && clock_.Now() < give_up) {
      {
        MutexLock lock(mutex_);
        if (!notified_) {
          changed_.WaitFor(mutex_, std::chrono::milliseconds(50));
        }
      }
      TakeAll();
    }
    EXPECT_TRUE(outcomes_.contains(id)) << "no outcome";
    return outcomes_[id];
  }

  Outcome Run(const std::string& type, const std::string& with,
              std::string item = "null") {
    return Await(Start(type, with, std::move(item)));
  }

  const SystemClock clock_;
  std::string folder_;
  ProcessPoolOptions options_;
  Mutex mutex_;
  CondVar changed_;
  bool notified_ = false;
  TaskIndex next_task_ = 0;
  std::map<AttemptId, Outcome> outcomes_;
  std::unique_ptr<ProcessPoolExecutor> executor_;
};

}  // namespace remuda
