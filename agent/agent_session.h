#pragma once

#include <array>
#include <atomic>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "agent/core/agent_core.h"
#include "agent/executor_entry.h"
#include "agent/frame_counts.h"
#include "agent/spool.h"
#include "base/event_loop.h"
#include "base/random.h"
#include "base/timer_id.h"
#include "wire/dealer_socket.h"
#include "wire/wire_context.h"

namespace remuda {

struct AgentSessionOptions {
  AgentCoreOptions core;  // executors and job types are filled in
  DealerOptions socket;
};

// The agent core in the world: takes the outcomes of executors and the frames
// of the coordinator to it once a turn of the loop, and does what it asks for.
// Decides nothing that the core could.
//
// Thread: confined to the loop's thread, once that runs.
// Lifetime: borrows what Start() gets by reference. Destruction stops whatever
// still runs and tells nobody.
class AgentSession {
 public:
  // One bit an executor: its outcomes wait to be taken. Shared with Notify,
  // which executors may call while the session is not there yet.
  using Ready = std::array<std::atomic<bool>, kExecutorKinds>;

  struct Observer {
    // Everything the core asked for, before it is done.
    std::function<void(const AgentOutput&)> on_output;
    // Once: OK after a drain, otherwise what a person has to mend.
    std::function<void(const absl::Status&)> on_ended;
  };

  // Errors: as of DealerSocket::Connect; InvalidArgument if two executors are
  // of one kind.
  static absl::StatusOr<std::unique_ptr<AgentSession>> Start(
      AgentSessionOptions options, std::vector<ExecutorEntry> executors,
      std::shared_ptr<Ready> ready, std::unique_ptr<Spool> spool,
      WireContext& context, EventLoop& loop, Random& random, Observer observer);

  ~AgentSession();
  AgentSession(const AgentSession&) = delete;
  AgentSession& operator=(const AgentSession&) = delete;

  void Drain(Duration patience);

  // How long a turn of the loop took, for the next heartbeat.
  void OnTurn(Duration duration);

  // Says Goodbye and ends at once; what runs is stopped by the destructor.
  void Leave();

  const AgentCore& core() const { return core_; }
  const Spool& spool() const { return *spool_; }
  DealerSocket::Counters socket_counters() const;
  const FrameCounts& frames() const { return frames_; }
  std::array<WorkerNumbers, kExecutorKinds> workers() const;

 private:
  // Turns taken without letting the loop look at its descriptors.
  static constexpr int kRoundsMax = 8;

  AgentSession(AgentSessionOptions options,
               std::vector<ExecutorEntry> executors,
               std::shared_ptr<Ready> ready, std::unique_ptr<Spool> spool,
               EventLoop& loop, Observer observer);

  AgentTime Time() const;
  void OnFrame(std::string_view frame);
  void Turn();
  bool Perform(AgentOutput output);
  bool StartAll(std::vector<StartAttempts> starts);
  void Send(const AgentMessage& message);
  void Keep(const AgentOutput& output);
  void SendSpooled(Outbox::Span span);
  void SendFrame(std::string_view frame);
  void Count(std::string_view frame);
  void LogNote(const AgentNote& note) const;
  void WakeAt(std::optional<MonotonicTime> time);
  void End(const absl::Status& status);

  EventLoop& loop_;
  const Observer observer_;
  std::array<std::unique_ptr<Executor>, kExecutorKinds> executors_;
  const std::shared_ptr<Ready> ready_;
  std::unique_ptr<Spool> spool_;
  AgentCore core_;
  std::unique_ptr<DealerSocket> socket_;

  FrameCounts frames_;
  Term term_;
  SessionId session_;
  uint64_t last_sequence_ = 0;
  bool spool_was_full_ = false;
  bool spool_file_failed_ = false;
  bool over_ = false;
  Duration longest_turn_ = Duration::zero();  // since the last heartbeat
  TimerId timer_{};
  std::optional<MonotonicTime> timer_at_;
};

}  // namespace remuda
