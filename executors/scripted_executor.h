#pragma once

#include <compare>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <vector>

#include "absl/status/status.h"
#include "base/clock.h"
#include "executors/executor.h"
#include "jobs/attempt.h"
#include "jobs/ids.h"
#include "jobs/outcome.h"

namespace remuda {

// Runs nothing: attempts end when a script, virtual time or the test says so.
// For tests of what stands on executors, and for the simulation. Attempts that
// end at the same time do so in the order in which they were started.
//
// Thread: confined to its user; Notify is called from inside the methods.
// Lifetime: keeps what was asked of it until destroyed.
class ScriptedExecutor : public Executor {
 public:
  // What will come of an attempt.
  struct Plan {
    // Of virtual time; none means until End() is called.
    std::optional<Duration> runs_for;
    Outcome outcome;        // the id is filled in
    bool heeds_ask = true;  // false: only kForce stops it
  };
  using Script = std::function<Plan(const Attempt&)>;

  struct CancelRequest {
    AttemptId id;
    CancelMode mode = CancelMode::kAsk;

    friend bool operator==(const CancelRequest&,
                           const CancelRequest&) = default;
  };

  // At first every attempt runs until End() is called. Takes `line_max` more
  // attempts than it has slots, which begin in turn.
  explicit ScriptedExecutor(ExecutorFacts facts, Notify notify = nullptr,
                            size_t line_max = 0);

  // Asked whenever an attempt begins.
  void SetScript(Script script);

  // Lets virtual time pass, which begins at the epoch of MonotonicTime.
  void AdvanceTo(MonotonicTime now);

  // When AdvanceTo() would next have something to do.
  std::optional<MonotonicTime> next_due() const;

  // Ends a running attempt; CHECKs that it runs. The id is filled in.
  void End(AttemptId id, Outcome outcome);
  // Ends all that run, successfully.
  void EndAll();

  // Has it to tell by TakeFindings(); more than kFindingsMax are dropped.
  void Notice(Finding finding);

  // Everything ever accepted, and every Cancel ever asked, in order.
  const std::vector<Attempt>& started() const { return started_; }
  const std::vector<CancelRequest>& cancels() const { return cancels_; }
  // In the order in which they began, and in which they will.
  std::vector<AttemptId> running() const;
  std::vector<AttemptId> waiting() const;
  std::optional<MonotonicTime> drain_deadline() const {
    return drain_deadline_;
  }

  const ExecutorFacts& facts() const override { return facts_; }
  size_t capacity() const override;
  absl::Status Start(std::span<const Attempt> batch) override;
  void Cancel(AttemptId id, CancelMode mode) override;
  std::vector<Outcome> TakeOutcomes() override;
  std::vector<Finding> TakeFindings() override;
  void Drain(MonotonicTime deadline) override;

 private:
  struct Due {
    MonotonicTime time;
    uint64_t order = 0;

    friend auto operator<=>(const Due&, const Due&) = default;
  };
  struct Running {
    AttemptId id;
    MonotonicTime began;
    Plan plan;
  };

  void BeginNext();
  void Finish(uint64_t order, Outcome outcome);
  bool EndInLine(AttemptId id, Ending ending);
  void NotifyOnce();

  const ExecutorFacts facts_;
  const Notify notify_;
  const size_t line_max_;
  Script script_;
  MonotonicTime now_;
  std::optional<MonotonicTime> drain_deadline_;
  uint64_t next_order_ = 0;
  std::deque<Attempt> line_;              // accepted, none began yet
  std::map<uint64_t, Running> running_;   // by order of beginning
  std::map<AttemptId, uint64_t> orders_;  // of those that run
  std::set<Due> due_;                     // those that end by themselves
  std::vector<Outcome> outcomes_;
  std::vector<Finding> findings_;
  bool notified_ = false;
  std::vector<Attempt> started_;
  std::vector<CancelRequest> cancels_;
};

}  // namespace remuda
