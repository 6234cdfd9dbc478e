#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/random.h"
#include "coordinator/core/core.h"
#include "coordinator/core/store_image.h"
#include "simulation/planted_bug.h"
#include "simulation/problems.h"
#include "simulation/run_ledger.h"
#include "simulation/shape.h"
#include "wire/codec.h"

namespace remuda {

// The coordinator's process over its disk: the real decisions (Core) and the
// real frames, with commits that take their time. The disk outlives the
// process, which may die at each commit and between any two messages.
//
// Thread: confined to its run.
class SimulatedCoordinator {
 public:
  struct Sending {
    std::function<void(Peer, std::string frame)> to_agent;
    std::function<void(uint64_t request, ClientReply)> to_client;
    std::function<void(const Event&)> on_stored;  // may be empty
  };

  SimulatedCoordinator(Random& random, const Shape& shape, PlantedBug bug,
                       RunLedger& ledger, Problems& problems, Sending sending);
  ~SimulatedCoordinator();

  // A new process on what the disk holds; checks that this is what the
  // history says. False if the disk does not take its first commit.
  bool Start(const Now& now);
  // Anywhere: some commits that were under way are on disk, others not, and
  // some of what was to be sent after the last of them is.
  void Kill();
  bool alive() const { return core_ != nullptr; }

  void OnFrame(const Now& now, Peer peer, std::string_view frame);
  void OnUnreachable(const Now& now, Peer peer);
  void OnSubmit(const Now& now, uint64_t request, const std::string& key,
                std::vector<JobToAccept> jobs);
  void OnCancel(const Now& now, uint64_t request, const CancelJob& cancel);

  void OnExecutorWish(const Now& now, ExecutorWish wish);

  // What is due, decisions, and commits whose time has come. May end it, as a
  // disk that is full or fails does.
  void Turn(const Now& now);
  std::optional<MonotonicTime> next_time() const;

  void set_disk_full(bool full) { disk_is_full_ = full; }
  // The next commit fails, and nobody knows whether it is on disk.
  void FailNextSync() { next_sync_fails_ = true; }
  void EndFaults();

  const StoreImage& store() const { return store_; }
  // Each with the executor that it has.
  std::vector<std::pair<JobId, ExecutorKind>> live_jobs() const;
  bool IsRecorded(const AttemptId& attempt) const;
  // Everything decided is on disk.
  bool at_rest() const { return committing_.empty(); }
  void CheckReplay();
  // What was taken on is what ended, waits and runs.
  void CheckCounters();
  std::string digest() const;
  // For a person.
  std::vector<AgentSummary> agents() const;

 private:
  struct Commit {
    MonotonicTime decided{};
    MonotonicTime at{};
    Output output;
  };

  void Die();
  CoreOptions OptionsFor(const Shape& shape);
  Now Seen(const Now& now) const;
  bool IsOldHello(const AgentFrame& frame);
  void BelieveHellos(const Now& now, const Output& output);
  bool IsOfItsSession(Peer peer, const AgentFrame& frame) const;
  uint64_t Refused() const;
  uint64_t OldHellos() const;
  void NoteWelcomes(const std::vector<Send>& sends);
  void SpoilResults(AgentMessage& message) const;
  void Queue(const Now& now, Output output);
  bool CommitFirst(size_t sends_max);
  bool Persist(const Commit& commit);
  void CheckEvents(const Commit& commit);
  void CheckBackOff(MonotonicTime decided, const TasksGranted& grant);
  void CheckEnded(MonotonicTime decided, const AttemptsEnded& ended);
  void CheckMove(const ExecutorChosen& chosen);
  void SendOne(const Send& send);
  StoredState LoadState() const;

  Random& random_;
  const Shape& shape_;
  const PlantedBug bug_;
  RunLedger& ledger_;
  Problems& problems_;
  const Sending sending_;
  bool calm_ = false;
  bool disk_is_full_ = false;
  bool next_sync_fails_ = false;
  StoreImage store_;
  std::optional<Output> unsynced_;  // for a planted bug
  std::unique_ptr<Core> core_;
  std::deque<Commit> committing_;
  // The session that a connection was told last.
  std::map<Peer, SessionId> welcomed_;
  // By instance, the newest Hello that this process has heard.
  std::map<std::string, uint64_t> hellos_;
  // Of committed grants, what has not ended or come back.
  std::map<JobId, uint64_t> granted_;
  // Of tasks that wait for their next try: until when, at least.
  std::map<std::pair<JobId, TaskIndex>, MonotonicTime> back_off_;
};

}  // namespace remuda
