#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "agent/core/agent_core.h"
#include "base/clock.h"
#include "executors/scripted_executor.h"
#include "jobs/job.h"
#include "wire/attempt_records.h"
#include "wire/messages.h"

namespace remuda {

// An AgentCore with scripted executors in virtual time, and a coordinator that
// says what the test says. Keeps every message and sends spooled ones as the
// agent's server would.
class AgentCoreHarness {
 public:
  explicit AgentCoreHarness(
      std::vector<ExecutorOffer> offers = {{ExecutorKind::kAsync, 4}},
      size_t line_max = 0);

  // Before all else: messages that an earlier process left, numbered from the
  // first one's own number on.
  void Inherit(const std::string& generation, Term term,
               std::vector<AgentMessage> messages);

  // Connects and is welcomed.
  void Register();
  void Deliver(CoordinatorMessage message);
  // Time passes in steps that wake whatever is due, then a turn is taken.
  void Advance(Duration duration);
  // Time passes while the process stands still, then a turn is taken.
  void Sleep(Duration duration);
  void Turn();

  // A job definition with that timeout; tasks range over 0 .. count - 1.
  static JobDefinition RangeJob(uint64_t id, uint64_t count,
                                Duration timeout = Duration::zero());
  static JobDefinition ListJob(uint64_t id, uint64_t count);
  // The next grant of the session.
  void Grant(std::vector<JobDefinition> definitions,
             std::vector<GrantedRange> ranges);
  static GrantedRange Range(uint64_t job, uint64_t first, uint64_t count,
                            uint32_t fence = 1);
  static AttemptId Id(uint64_t job, uint64_t task, uint32_t fence = 1);

  // What was sent since the last call, of one kind.
  template <typename Kind>
  std::vector<Kind> Take() {
    std::vector<Kind> taken;
    std::vector<AgentMessage> kept;
    for (AgentMessage& message : sent_) {
      if (auto* of_kind = std::get_if<Kind>(&message); of_kind != nullptr) {
        taken.push_back(std::move(*of_kind));
      } else {
        kept.push_back(std::move(message));
      }
    }
    sent_ = std::move(kept);
    return taken;
  }
  // All ends sent since the last call, started or not, by the order sent.
  std::vector<EndingRun> TakeRuns();
  // And acks them.
  std::vector<EndingRun> TakeRunsAndAck();
  void AckAll();
  static std::vector<AttemptRecord> RecordsOf(const Results& results);

  ScriptedExecutor& executor(ExecutorKind kind = ExecutorKind::kAsync) {
    return *executors_.at(kind);
  }
  AgentCore& core() { return *core_; }
  MonotonicTime now() const { return now_; }
  const std::optional<absl::Status>& ended() const { return ended_; }
  const std::vector<Goodbye>& goodbyes() const { return goodbyes_; }
  const std::vector<std::string>& folders_deleted() const {
    return folders_deleted_;
  }
  const std::vector<AgentNote>& notes() const { return notes_; }
  size_t spooled() const { return spool_.size(); }
  uint64_t keep_up_to() const { return keep_up_to_; }
  uint64_t last_sequence() const { return last_sequence_; }
  // Whether each heartbeat is confirmed at once.
  bool acks_heartbeats = false;
  // Content of log files, by folder and stream.
  std::map<std::pair<std::string, int>, std::string> logs;

 private:
  void Perform(AgentOutput output);
  AgentTime Time() const;

  std::map<ExecutorKind, std::unique_ptr<ScriptedExecutor>> executors_;
  std::unique_ptr<AgentCore> core_;
  MonotonicTime now_{};
  uint64_t grants_ = 0;
  uint64_t last_sequence_ = 0;
  uint64_t keep_up_to_ = 0;
  std::map<uint64_t, AgentMessage> spool_;
  std::vector<AgentMessage> sent_;
  std::optional<absl::Status> ended_;
  std::vector<Goodbye> goodbyes_;
  std::vector<std::string> folders_deleted_;
  std::vector<AgentNote> notes_;
};

}  // namespace remuda
