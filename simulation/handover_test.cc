// Work that waits with one agent, in virtual time and without any fault:
// whoever is idle gets its share, and what matters more does not wait behind.
#include <gtest/gtest.h>

#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/random.h"
#include "jobs/job_json.h"
#include "simulation/agent_disk.h"
#include "simulation/simulated_agent.h"
#include "simulation/simulated_client.h"
#include "simulation/simulated_coordinator.h"

namespace remuda {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr Duration kOneWay = milliseconds(2);
constexpr uint64_t kSlots = 4;

// A coordinator and agents whose frames take two milliseconds each way.
class Handover : public ::testing::Test {
 protected:
  Handover() {
    shape_.task_max = milliseconds(5);
    shape_.commit_max = milliseconds(2);
    EXPECT_TRUE(coordinator_.Start(Time()));
    AddAgent();
  }

  size_t AddAgent() {
    const size_t place = agents_.size();
    SimulatedAgent::Options options;
    options.process = place + 1;
    options.shape = shape_;
    options.slots = kSlots;
    options.disk = &disks_.emplace_back(
        AgentDisk{.instance = "disk-" + std::to_string(place)});
    agents_.push_back(std::make_unique<SimulatedAgent>(
        options, now_, ledger_, problems_, [this](const AttemptId& attempt) {
          return coordinator_.IsRecorded(attempt);
        }));
    agents_.back()->Connect(now_);
    return place;
  }

  // The number of the job.
  JobId Submit(const std::string& name, uint64_t tasks, int32_t priority = 0) {
    Job job;
    job.name = name;
    job.type = "noop";
    job.priority = priority;
    job.tasks = {.kind = TaskSource::Kind::kRange,
                 .written = TaskSource::Written::kRange,
                 .from = 1,
                 .to = static_cast<int64_t>(tasks)};
    job.retry.attempts_max = 10;
    job.retry.initial = milliseconds(10);
    JobToAccept accept;
    accept.job_json = std::make_shared<const std::string>(JobToJson(job));
    accept.digest = name;
    accept.tasks = tasks;
    accept.executor = ExecutorKind::kProcessPool;
    accept.job = std::make_shared<const Job>(std::move(job));
    std::vector<JobToAccept> jobs;
    jobs.push_back(std::move(accept));
    coordinator_.OnSubmit(Time(), 0, name, std::move(jobs));
    return JobId{++submitted_};
  }

  void Pass(Duration duration) {
    for (const MonotonicTime end = now_ + duration; now_ < end;) {
      now_ += milliseconds(1);
      while (!frames_.empty() && frames_.front().at <= now_) {
        const Frame frame = std::move(frames_.front());
        frames_.pop_front();
        if (frame.to_agent) {
          agents_[frame.place]->OnFrame(now_, frame.bytes);
        } else {
          coordinator_.OnFrame(Time(), PeerOf(frame.place), frame.bytes);
        }
      }
      coordinator_.Turn(Time());
      for (size_t place = 0; place < agents_.size(); ++place) {
        agents_[place]->KeepLease(now_);
        agents_[place]->Turn(now_);
        for (std::string& bytes : agents_[place]->TakeFrames()) {
          frames_.push_back({now_ + kOneWay, place, false, std::move(bytes)});
        }
      }
    }
  }

  // How long until `condition` holds; `most` if it does not.
  template <typename Condition>
  Duration Until(Condition condition, Duration most) {
    const MonotonicTime begin = now_;
    while (!condition() && now_ - begin < most) Pass(milliseconds(10));
    return now_ - begin;
  }

  bool IsOver(JobId job) const {
    const auto at = coordinator_.store().summaries().find(job);
    return at != coordinator_.store().summaries().end() &&
           IsTerminal(at->second.state);
  }

  uint64_t Begun(JobId job, uint64_t tasks) const {
    uint64_t begun = 0;
    for (uint64_t i = 0; i < tasks; ++i) begun += ledger_.starts(job, i);
    return begun;
  }

  // The first agent takes a job of this work for short, as others were.
  void LearnThatItIsShort() {
    const JobId job = Submit("short", 400);
    EXPECT_LT(Until([&] { return IsOver(job); }, seconds(60)), seconds(60));
  }

  void ExpectNoProblems() {
    for (const std::string& problem : problems_.found()) {
      ADD_FAILURE() << problem;
    }
    EXPECT_TRUE(coordinator_.store().violations().empty());
  }

  struct Frame {
    MonotonicTime at;
    size_t place = 0;
    bool to_agent = false;
    std::string bytes;
  };

  static Peer PeerOf(size_t place) { return Peer{place + 1}; }
  Now Time() const {
    return {.monotonic = now_,
            .wall = WallTime(std::chrono::hours(24 * 365 * 50)) +
                    now_.time_since_epoch()};
  }

  Random random_{1};
  Shape shape_;
  MonotonicTime now_{std::chrono::hours(48)};
  Problems problems_;
  RunLedger ledger_{now_, problems_,
                    [](RunLedger::ProcessNumber) { return false; }};
  std::deque<Frame> frames_;
  std::deque<AgentDisk> disks_;
  std::vector<std::unique_ptr<SimulatedAgent>> agents_;
  uint64_t submitted_ = 0;
  SimulatedCoordinator coordinator_{
      random_,
      shape_,
      PlantedBug::kNone,
      ledger_,
      problems_,
      {.to_agent =
           [this](Peer peer, std::string bytes) {
             frames_.push_back(
                 {now_ + kOneWay, peer.value - 1, true, std::move(bytes)});
           },
       .to_client = [](uint64_t, ClientReply) {},
       .on_stored =
           [this](const Event& event) {
             if (const auto* job = std::get_if<JobAccepted>(&event)) {
               ledger_.Accepted(job->id, {});
             }
           }}};
};

TEST_F(Handover, AnAgentThatJoinsGetsItsShareOfWhatWaits) {
  LearnThatItIsShort();
  // As many as one agent holds of tasks that it takes for short.
  constexpr uint64_t kTasks = 60;
  const JobId job = Submit(std::string("a") + kLongMark, kTasks);
  Pass(milliseconds(200));
  EXPECT_EQ(Begun(job, kTasks), kSlots);
  AddAgent();
  const Duration waited =
      Until([&] { return Begun(job, kTasks) == 2 * kSlots; }, kLongTask);
  EXPECT_LT(waited, seconds(3));
  // Two agents do it in half the time.
  const Duration rest = Until([&] { return IsOver(job); }, seconds(1'000));
  EXPECT_LT(rest, kLongTask * (kTasks / kSlots / 2 + 2));
  // Neither what waited nor what was handed over was charged or run twice.
  const JobSummary& summary = coordinator_.store().summaries().at(job);
  EXPECT_EQ(summary.infrastructure_losses, 0u);
  EXPECT_EQ(summary.attempts, Begun(job, kTasks));
  ExpectNoProblems();
}

TEST_F(Handover, WhatMattersMoreStartsWithinATask) {
  LearnThatItIsShort();
  const JobId job = Submit(std::string("a") + kLongMark, 60);
  Pass(milliseconds(200));
  EXPECT_EQ(Begun(job, 60), kSlots);
  const JobId urgent = Submit("urgent", 2, /*priority=*/9);
  const Duration waited =
      Until([&] { return Begun(urgent, 2) == 2; }, 10 * kLongTask);
  EXPECT_LE(waited, kLongTask + seconds(1));
  ExpectNoProblems();
}

// Without anybody who wants them, too: they would wait for whoever comes.
TEST_F(Handover, AnAgentKeepsNoMoreThanItGetsDone) {
  LearnThatItIsShort();
  Submit(std::string("a") + kLongMark, 60);
  Pass(milliseconds(500));
  EXPECT_GT(coordinator_.agents()[0].running, 2 * kSlots);
  Pass(seconds(3));
  EXPECT_LE(coordinator_.agents()[0].running, 2 * kSlots);
  ExpectNoProblems();
}

TEST_F(Handover, OtherWorkIsAskedForByTheSlot) {
  const JobId job = Submit(std::string("a") + kLongMark, 60);
  uint64_t most = 0;
  Until(
      [&] {
        most = std::max(most, coordinator_.agents().empty()
                                  ? 0
                                  : coordinator_.agents()[0].running);
        return IsOver(job);
      },
      kLongTask * 30);
  EXPECT_TRUE(IsOver(job));
  EXPECT_LE(most, 2 * kSlots);
  ExpectNoProblems();
}

}  // namespace
}  // namespace remuda
