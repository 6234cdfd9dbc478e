#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "agent/core/agent_counters.h"
#include "agent/core/agent_output.h"
#include "agent/core/begun_mark.h"
#include "agent/core/credit_planner.h"
#include "agent/core/findings_book.h"
#include "agent/core/held_tasks.h"
#include "agent/core/job_definitions.h"
#include "agent/core/log_uploads.h"
#include "agent/core/outbox.h"
#include "agent/core/registration.h"
#include "agent/core/results_builder.h"
#include "agent/core/results_pace.h"
#include "agent/core/running_attempts.h"
#include "agent/core/waiting_work.h"
#include "base/clock.h"
#include "executors/finding.h"
#include "jobs/outcome.h"
#include "jobs/states.h"
#include "wire/messages.h"

namespace remuda {

// What an agent does at most at once, and how soon. Whatever these are, no
// promise depends on them: the simulation draws others to reach rare paths.
struct AgentLimits {
  // Attempts started in one turn and executor, so that a turn stays short.
  size_t starts_max = 4096;
  // Ends that wait for an ack before they leave without it.
  size_t batches_max = 64;
  size_t pending_bytes_max = 384u << 10;
  ResultsPace::Limits results_pace = {};
  // Ranges remembered for results on their way; above it nothing starts.
  size_t unacked_ranges_max = 64 * 1024;
  // Ranges in one Hello; waiting work that would need more is given up.
  size_t held_ranges_max = 32 * 1024;
  // Tasks of one executor that it is willing to hold.
  uint64_t credit_max = UINT64_MAX;
  // What waits for so long is more than its executor gets done: all but as
  // many tasks as there are slots go back.
  Duration wait_max = std::chrono::seconds(2);
  // The coordinator hears of an attempt's beginning at once, unless it heard
  // of others so shortly before.
  Duration begun_pause = std::chrono::milliseconds(100);
};

struct AgentCoreOptions {
  std::string version;
  std::string name;
  std::string instance;
  std::string process;  // as Hello has them
  uint32_t start = 0;
  std::vector<ExecutorOffer> executors;
  std::vector<std::string> job_types;
  std::map<std::string, std::string> labels;
  uint64_t memory_bytes = 0;    // as Hello has it
  double backoff_spread = 0.5;  // in [0, 1), another one for each agent
  AgentLimits limits = {};
};

// One moment by both clocks, so that decisions never ask for it.
struct AgentTime {
  MonotonicTime monotonic{};
  WallTime wall{};
};

// What an earlier process of the data folder has left in the spool: Results
// and LogChunks that were not confirmed.
struct InheritedResults {
  // Of the state that the numbers in them belong to.
  std::string generation;
  Term term;
  // By sequence, of which `first` is the lowest: what each settles.
  struct Message {
    std::vector<FencedRange> ended;
    std::vector<FencedRange> not_started;
  };
  uint64_t first = 1;
  std::vector<Message> messages;
};

// Attempts that each executor accepts now, by ExecutorKind.
using ExecutorCapacities = std::array<size_t, kExecutorKinds>;

// Decides everything an agent decides: what starts and when, what is stopped
// and how, what is told to the coordinator, when a lease is over, when a drain
// is done. Does not decide how attempts run, how messages travel or how the
// spool keeps them, and never asks for the time.
//
// Used in turns: any number of On...() calls, then TakeOutput(), whose wishes
// the caller carries out. Deterministic: the same calls give the same output.
//
// Thread: confined to the agent's control loop.
// Lifetime: a value; nothing it returns refers to it.
class AgentCore {
 public:
  // Results in flight for so long without any ack are sent again.
  static constexpr Duration kAckPatience = std::chrono::seconds(20);
  // Results that wait for so long are made safe on disk: an ack that is only
  // slow spares the disk; without a session nothing else is in sight.
  static constexpr Duration kKeepPatience = std::chrono::seconds(1);
  static constexpr Duration kKeepPatienceApart = std::chrono::milliseconds(100);
  // From the moment at which a lease makes attempts stop to the one at which
  // whoever started them kills them, without this process. The rest of the
  // grace is for the killing to be done.
  static constexpr Duration kLeaseGrace =
      RunningAttempts::kKillGrace - std::chrono::milliseconds(100);
  // After the drain deadline, for results to be confirmed.
  static constexpr Duration kFlushMax = std::chrono::seconds(10);

  explicit AgentCore(AgentCoreOptions options);

  // Once, before all else: the spool has these already.
  void Inherit(MonotonicTime now, InheritedResults inherited);

  void OnConnected(MonotonicTime now);
  void OnDisconnected(MonotonicTime now);
  // A Welcome for which this is false does not begin its session.
  bool Awaits(const Welcome& welcome) const {
    return registration_.Awaits(welcome);
  }
  void OnMessage(const AgentTime& now, CoordinatorMessage message);

  void OnOutcomes(const AgentTime& now, ExecutorKind executor,
                  std::vector<Outcome> outcomes);
  // None of the batch was started.
  void OnStartRefused(const AgentTime& now, StartAttempts batch,
                      const absl::Status& why);
  // What an executor noticed of the code of attempts, at any time.
  void OnFindings(std::vector<Finding> findings);
  void OnLogRead(LogRead read);
  // A full spool stops new work; what runs may still end.
  void OnSpool(bool is_full) { spool_is_full_ = is_full; }
  void OnLoopLag(Duration lag) { loop_lag_ = lag; }

  // Stops taking work; what runs may end until the deadline.
  void OnDrain(MonotonicTime now, MonotonicTime deadline);

  // Time-outs, heartbeats, the lease, the drain's deadline.
  void OnTime(MonotonicTime now);

  AgentOutput TakeOutput(MonotonicTime now, const ExecutorCapacities& room);

  // When the next turn is due at the latest. Unacknowledged results and
  // executors that are full need no timer: an event follows.
  std::optional<MonotonicTime> next_time() const;

  AgentGauges gauges(MonotonicTime now) const;
  const AgentCounters& counters() const { return counters_; }

 private:
  struct Lane {
    uint64_t slots = 0;
    WaitingWork waiting;
    CreditPlanner credit{0};
    BegunMark begun{0};
  };

  void On(const AgentTime& now, const Welcome& welcome);
  bool IsOtherHistory(const Welcome& welcome) const;
  void DisownInherited(MonotonicTime now);
  void On(const AgentTime& now, const Refusal& refusal);
  void On(const AgentTime& now, const HeartbeatAck& ack);
  void On(const AgentTime& now, Grant& grant);
  void On(const AgentTime& now, const StopTasks& stop);
  void On(const AgentTime& now, const ResultsAck& ack);

  bool Accept(const AgentTime& now, GrantedRange& range);
  void AcceptNew(const WaitingRange& range, const IndexRange& part,
                 ExecutorKind executor);
  void Fail(const AgentTime& now, ExecutorKind executor,
            const FencedRange& tasks, const std::string& why);
  void HandBack(ExecutorKind executor, const FencedRange& tasks, Ending ending);
  void Retract(MonotonicTime now, const StopTasks& stop);
  void ShedBacklogs(MonotonicTime now);
  std::optional<MonotonicTime> ShedTime(const Lane& lane) const;
  void Fence(MonotonicTime now, const FencedRange& tasks);
  void SelfFence(MonotonicTime now);
  void EndedInLine(const RunningAttempt& running, const Outcome& outcome);
  void EndedAttempt(const AgentTime& now, const RunningAttempt& running,
                    Outcome outcome);

  bool takes_work() const;
  uint64_t CreditOf(const Lane& lane) const;
  void SendHello(MonotonicTime now, AgentOutput& output);
  void SendHeartbeat(MonotonicTime now, AgentOutput& output);
  bool CreditIsNews() const;
  std::vector<LastBegun> Begun() const;
  void ToldBegun(MonotonicTime now);
  void StartWork(MonotonicTime now, const ExecutorCapacities& room,
                 AgentOutput& output);
  void KeepStartable(MonotonicTime now, ExecutorKind executor,
                     WaitingWork::Taken& taken);
  Duration KeepPatience() const;
  void KeepOld(MonotonicTime now, AgentOutput& output);
  void MoveLogs();
  void PackResults(MonotonicTime now, AgentOutput& output);
  void TellFindings(MonotonicTime now, AgentOutput& output);
  void CheckDrained(MonotonicTime now);
  void Note(bool is_warning, std::string code, std::string text);
  Lane* LaneOf(ExecutorKind executor);

  const AgentCoreOptions options_;
  Registration registration_;
  std::array<std::optional<Lane>, kExecutorKinds> lanes_;
  JobDefinitions definitions_;
  HeldTasks held_;
  HeldTasks handed_back_;  // of these, what never began and is not acked
  RunningAttempts running_;
  ResultsBuilder results_;
  LogUploads uploads_;
  FindingsBook findings_;
  Outbox outbox_;
  AgentCounters counters_;

  // Of the latest Welcome.
  std::string generation_;
  Term term_;
  bool heir_ = false;  // no Welcome yet, and something was inherited
  uint64_t last_grant_ = 0;
  ResultsPace pace_;                      // of results not yet packed
  std::optional<MonotonicTime> keep_at_;  // looks for what to keep
  uint64_t keep_up_to_ = 0;
  MonotonicTime turn_at_{};
  std::optional<MonotonicTime> lease_end_;  // told last
  MonotonicTime ack_progress_at_{};
  bool spool_is_full_ = false;
  bool more_to_start_ = false;
  bool begun_untold_ = false;
  std::optional<MonotonicTime> begun_told_at_;
  bool was_draining_announced_ = false;
  Duration loop_lag_ = Duration::zero();
  std::optional<MonotonicTime> drain_deadline_;
  bool evicting_ = false;
  bool over_ = false;
  AgentOutput output_;  // of the turn in progress
};

}  // namespace remuda
