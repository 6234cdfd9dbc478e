#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "agent/core/agent_core.h"
#include "base/clock.h"
#include "executors/scripted_executor.h"
#include "jobs/ids.h"
#include "jobs/states.h"
#include "simulation/agent_disk.h"
#include "simulation/planted_bug.h"
#include "simulation/problems.h"
#include "simulation/run_ledger.h"
#include "simulation/shape.h"

namespace remuda {

// Tells what a store holds of a task: whether the results of an attempt may
// be forgotten.
using IsRecorded = std::function<bool(const AttemptId&)>;

// One process of an agent: the real decisions (AgentCore) and the real frames,
// over executors that follow a script, in virtual time. Does for the core what
// agent/agent_session.h does with sockets and files.
//
// Thread: confined to its run.
class SimulatedAgent {
 public:
  struct Options {
    RunLedger::ProcessNumber process = 0;
    // Outlives it; has the results that it left there.
    AgentDisk* disk = nullptr;
    uint64_t seed = 0;  // of what its attempts do
    Shape shape;
    PlantedBug bug = PlantedBug::kNone;
    double clock_rate = 1;  // seconds of its clock in one of the world's
    uint64_t slots = 1;
    uint64_t line_max = 0;  // what its process pool holds beyond its slots
    AgentLimits limits = {};
    // What it speaks: an agent of the next version speaks this one, too, and
    // says things that are not known here; one of a version later does not.
    enum class Version : uint8_t { kThis, kNext, kForeign };
    Version version = Version::kThis;
  };

  SimulatedAgent(const Options& options, MonotonicTime now, RunLedger& ledger,
                 Problems& problems, IsRecorded is_recorded);
  ~SimulatedAgent();

  // All times are the world's, and never go back.
  void Connect(MonotonicTime now);
  void Disconnect(MonotonicTime now);
  bool connected() const { return connected_; }
  void OnFrame(MonotonicTime now, std::string_view frame);
  // What is due, and what follows from it.
  void Turn(MonotonicTime now);
  std::optional<MonotonicTime> next_time() const;
  // What its spawners do, also while the agent stands still: with the lease
  // they end what they started.
  void KeepLease(MonotonicTime now);
  // When that is due, if it is.
  std::optional<MonotonicTime> lease_end() const;
  void Drain(MonotonicTime now);
  void JumpWallClock(Duration by) { wall_offset_ += by; }
  // Killed: so many of the results that were being synced are on the disk.
  void Crash(MonotonicTime now, uint64_t synced_too);

  // Frames to send, since the last call.
  std::vector<std::string> TakeFrames();

  // It has begun a task that kills it.
  bool is_poisoned() const { return is_poisoned_; }
  bool over() const { return ended_.has_value(); }
  bool is_foreign() const {
    return options_.version == Options::Version::kForeign;
  }
  const std::optional<absl::Status>& ended() const { return ended_; }
  // Nothing waits, runs or is unconfirmed.
  bool at_rest(MonotonicTime now) const;
  RunLedger::ProcessNumber process() const { return options_.process; }

 private:
  struct Spooled {
    std::string frame;
    Term term;
    SessionId session;
  };

  MonotonicTime Local(MonotonicTime now) const;
  MonotonicTime World(MonotonicTime local) const;
  AgentTime Time(MonotonicTime now) const;
  ScriptedExecutor::Plan PlanOf(const Attempt& attempt) const;
  void AdvanceExecutors(MonotonicTime now);
  void NoteEnded(const Outcome& outcome);
  void TakeOutcomes(MonotonicTime now);
  bool Perform(MonotonicTime now, AgentOutput output);
  void Release(uint64_t up_to);
  void CheckRecorded(const std::string& frame);
  void KeepAndSend(MonotonicTime now, const AgentOutput& output);
  void Inherit(MonotonicTime now);
  void Keep(MonotonicTime now, uint64_t up_to);
  void Sync(MonotonicTime now);
  void Start(MonotonicTime now, std::vector<StartAttempts> starts);
  void Send(MonotonicTime now, const AgentMessage& message);
  void NoteAsked(MonotonicTime now, const AgentMessage& message);
  void CheckHeld(MonotonicTime now);
  void CheckLease(MonotonicTime now);

  const Options options_;
  RunLedger& ledger_;
  Problems& problems_;
  const IsRecorded is_recorded_;
  std::unique_ptr<AgentCore> core_;
  std::array<std::unique_ptr<ScriptedExecutor>, kExecutorKinds> executors_;
  Duration wall_offset_{};
  bool connected_ = false;
  Term term_;
  SessionId session_;
  uint64_t last_sequence_ = 0;
  // Local times at which it asked for what may be answered, by number; and the
  // last of those that was answered.
  std::map<uint64_t, MonotonicTime> hellos_asked_;
  std::map<uint64_t, MonotonicTime> heartbeats_asked_;
  MonotonicTime answered_{};
  Duration lease_{};
  std::array<uint64_t, kExecutorKinds> credit_max_{};  // ever told
  std::map<uint64_t, Spooled> spool_;
  std::map<uint64_t, MonotonicTime> syncing_;  // by sequence: until when
  uint64_t keep_up_to_ = 0;
  std::optional<MonotonicTime> lease_end_;  // by its own clock
  std::vector<Outcome> ended_by_lease_;     // not taken yet
  bool spool_was_full_ = false;
  bool is_poisoned_ = false;
  std::set<std::string> log_folders_;
  std::vector<std::string> frames_;
  std::optional<absl::Status> ended_;
};

}  // namespace remuda
