#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <ostream>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "base/clock.h"
#include "base/mutex.h"
#include "executors/executor.h"
#include "gtest/gtest.h"
#include "jobs/attempt.h"
#include "jobs/outcome.h"
#include "jobs/parameters.h"

namespace remuda {

// An implementation that runs attempts of the types noop and sleep.
struct ExecutorUnderTest {
  std::string name;
  std::function<std::unique_ptr<Executor>(size_t slots, const Clock& clock,
                                          Executor::Notify notify)>
      make = nullptr;
  // Lets virtual time pass while a test waits; null where real time does.
  std::function<void(Executor& executor)> advance = nullptr;
  bool refuses_unknown_types = true;
  bool runs_together = true;  // attempts do not wait for one another

  friend void PrintTo(const ExecutorUnderTest& under_test, std::ostream* out) {
    *out << under_test.name;
  }
};

// The shared part of attempts, as the agent would make it.
inline std::shared_ptr<const JobWork> MakeWork(const std::string& type,
                                               const std::string& with) {
  auto work = std::make_shared<JobWork>();
  work->id = JobId{1};
  work->job.type = type;
  work->job.with = with;
  absl::StatusOr<ParameterTemplate> parameters = ParameterTemplate::Parse(with);
  EXPECT_TRUE(parameters.ok()) << parameters.status();
  if (parameters.ok()) work->parameters = *std::move(parameters);
  return work;
}

class ExecutorContract : public testing::TestWithParam<ExecutorUnderTest> {
 protected:
  static constexpr Duration kPatience = std::chrono::seconds(60);

  void Make(size_t slots) {
    executor_ = GetParam().make(slots, clock_, [this] {
      MutexLock lock(mutex_);
      EXPECT_FALSE(notified_) << "told twice without a take in between";
      notified_ = true;
      ++notifications_;
      changed_.NotifyAll();
    });
  }

  Attempt Make(const std::string& type, const std::string& with) {
    return {.id = {.job = JobId{1}, .task = next_task_++, .fence = Fence{1}},
            .work = MakeWork(type, with),
            .item = "null"};
  }
  Attempt Noop() { return Make("noop", "{}"); }
  Attempt Sleep(const std::string& seconds) {
    return Make("sleep", "{\"seconds\": " + seconds + "}");
  }
  Attempt SleepLong() { return Sleep("3000"); }
  std::vector<Attempt> Noops(size_t count) {
    std::vector<Attempt> noops(count, Noop());
    for (Attempt& noop : noops) noop.id.task = next_task_++;
    return noops;
  }

  absl::Status Start(std::vector<Attempt> batch) {
    return executor_->Start(batch);
  }

  std::vector<Outcome> Take() {
    {
      MutexLock lock(mutex_);
      notified_ = false;
    }
    return executor_->TakeOutcomes();
  }

  // Takes whenever it is told to, until `count` outcomes came; those that
  // came in all if patience runs out first.
  std::vector<Outcome> Await(size_t count) {
    std::vector<Outcome> all;
    const MonotonicTime deadline = clock_.Now() + kPatience;
    while (all.size() < count && clock_.Now() < deadline) {
      if (GetParam().advance) GetParam().advance(*executor_);
      {
        MutexLock lock(mutex_);
        if (!notified_) {
          changed_.WaitFor(mutex_, std::chrono::milliseconds(20));
        }
        if (!notified_) continue;
      }
      for (Outcome& outcome : Take()) all.push_back(std::move(outcome));
    }
    return all;
  }

  int notifications() {
    MutexLock lock(mutex_);
    return notifications_;
  }

  const SystemClock clock_;
  Mutex mutex_;
  CondVar changed_;
  bool notified_ = false;
  int notifications_ = 0;
  TaskIndex next_task_ = 0;
  std::unique_ptr<Executor> executor_;
};

}  // namespace remuda
