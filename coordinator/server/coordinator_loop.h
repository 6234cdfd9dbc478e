#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/event_loop.h"
#include "coordinator/core/core.h"
#include "coordinator/server/asker.h"
#include "coordinator/server/coordinator_metrics.h"
#include "coordinator/server/executor_learner.h"
#include "coordinator/server/finished_jobs.h"
#include "coordinator/server/item_staging.h"
#include "coordinator/server/key_metrics.h"
#include "coordinator/server/key_ring.h"
#include "coordinator/server/key_sessions.h"
#include "coordinator/server/known_keys.h"
#include "coordinator/server/loop_door.h"
#include "coordinator/server/move_metrics.h"
#include "coordinator/server/outbox.h"
#include "coordinator/server/reader_thread.h"
#include "coordinator/server/submission.h"
#include "coordinator/server/verdict_metrics.h"
#include "coordinator/server/watches.h"
#include "coordinator/store/disk_space.h"
#include "coordinator/store/store_thread.h"
#include "wire/codec.h"
#include "wire/router_socket.h"

namespace remuda {

// What the control loop of a coordinator consists of: feeds what arrives to
// the core, gives its output to the store, and sends what may be sent. Decides
// nothing that the core decides; answers requests that only read.
//
// Thread: confined to the loop's; built and taken down while it does not run.
// Lifetime: ends before the loop.
class CoordinatorLoop {
 public:
  // Malformed frames of one peer after which it is ignored.
  static constexpr uint32_t kStrikesMax = 3;
  static constexpr size_t kStrikersMax = 4'096;
  // A process that stood still for longer than this first hears what arrived
  // meanwhile before it gives anybody up.
  static constexpr Duration kStallMin = std::chrono::seconds(2);
  static constexpr Duration kStallGrace = std::chrono::seconds(2);
  // What a single task needs at once: accepted and granted, or ended and its
  // job finished. More is worth a thread.
  static constexpr size_t kEventsInPassing = 2;
  static constexpr Duration kTickInterval = std::chrono::milliseconds(500);
  // Denials are counted all, but logged at most so often.
  static constexpr Duration kDeniedLogInterval = std::chrono::seconds(1);

  struct Options {
    std::string listen;
    std::string version;
    Durability durability = Durability::kFull;
    CoreOptions core;
    // On the store's thread, after the first error; ends the process.
    std::function<void(const absl::Status&)> on_store_failure;
    // Without them everybody who reaches `listen` may do everything.
    const KeyRing* keys = nullptr;
  };

  // Restores the core from the store and listens; the door is open then.
  static absl::StatusOr<std::unique_ptr<CoordinatorLoop>> Start(
      const Options& options, Store store, WireContext& context,
      EventLoop& loop, CoordinatorMetrics& metrics, LoopDoor& door);

  ~CoordinatorLoop();
  CoordinatorLoop(const CoordinatorLoop&) = delete;
  CoordinatorLoop& operator=(const CoordinatorLoop&) = delete;

  const std::string& endpoint() const { return socket_->endpoint(); }

  // After the list of keys has changed: whoever is on it no longer, or as
  // somebody else, is cut off.
  void OnKeysChanged();

  // Brings the metrics up to date.
  void PublishMetrics();

 private:
  CoordinatorLoop(const Options& options, const std::string& folder,
                  EventLoop& loop, CoordinatorMetrics& metrics, LoopDoor& door);
  absl::Status Restore(Store& store, StoreReader& reader);

  Now CurrentTime() const;

  // What arrives.
  void OnFrame(Peer peer, std::string_view frame);
  void OnBadFrame(Peer peer, std::string_view frame,
                  const absl::Status& status);
  bool Ignored(Peer peer) const;
  // Whether the key lets this agent in now; names it after its key.
  bool AdmitHello(Peer peer, AgentMessage& message);
  void OnPeerGone(Peer peer);

  // One turn: see docs/ARCHITECTURE.md.
  void EndTurn();
  void Advance();
  void ArmTimer();
  void Tick();
  void OnCommitted(std::vector<CommitUnit> units);
  // Has jobs moved for which another executor is better.
  void Learn();
  void SendAfterCommit(const std::vector<::remuda::Send>& sends, bool is_alone);

  // What is denied is answered, counted, logged, and done with.
  bool Denied(Peer peer, const AgentFrame& frame);
  bool Denied(Peer peer, const Identity& identity, uint64_t number,
              const ClientRequest& request);
  void CountDenied(Peer peer, const Identity& identity, uint8_t type);

  // Requests of clients (client_requests.cc).
  void OnRequest(Peer peer, const Identity& identity, uint64_t number,
                 ClientRequest request);
  void On(const Asker& asker, UploadItems request);
  void On(const Asker& asker, Submit request);
  void On(const Asker& asker, CancelJob request);
  void On(const Asker& asker, GetJobs request);
  void On(const Asker& asker, WatchJobs request);
  void On(const Asker& asker, GetResults request);
  void On(const Asker& asker, GetLogs request);
  void On(const Asker& asker, GetAgents request);
  void On(const Asker& asker, GetInfo request);
  void On(const Asker& asker, GetVerdicts request);
  // Counts the verdict on a job that has ended.
  void CountVerdict(const JobSummary& job);
  // Reads the keys of the store, part by part.
  void LearnKeys(const std::string& after);
  // What is known of it, if nothing about it has to be looked up or checked.
  const JobToAccept* SurelyNew(const Submit& request);
  void AcceptPrepared(const Asker& asker, const std::string& key,
                      absl::StatusOr<PreparedSubmission> prepared,
                      std::optional<StoredSubmission> stored);
  void WatchAccepted(const Asker& asker, const Accepted& accepted);
  void AddWatch(const Asker& asker, const WatchJobs& request,
                std::vector<JobSummary> stored);
  // Asks the store's reader; answers with what it says.
  template <typename Read>
  void AnswerFromStore(const Asker& asker, Read read);

  void Send(const ::remuda::Send& send);
  void Reply(Peer peer, uint64_t number, const ClientReply& reply);
  void ReplyError(Peer peer, uint64_t number, const absl::Status& status);
  void Reply(const Asker& asker, const ClientReply& reply) {
    Reply(asker.peer, asker.number, reply);
  }
  void ReplyError(const Asker& asker, const absl::Status& status) {
    ReplyError(asker.peer, asker.number, status);
  }
  void SendWatches();

  const Options options_;
  const DiskSpace disk_;
  RoomAhead room_ahead_{disk_};
  CheckedJobs checked_;  // of the thread that checks submissions
  // Of the loop, for what needs no check.
  CheckedJobs accepted_before_;
  KnownKeys known_keys_;

  EventLoop& loop_;
  CoordinatorMetrics& metrics_;
  Core core_;
  LoopDoor& door_;

  std::map<Peer, uint32_t> strikes_;
  KeySessions key_sessions_;
  KeyMetrics key_metrics_;
  VerdictMetrics verdict_metrics_;
  MoveMetrics move_metrics_;
  ExecutorLearner learner_;
  std::vector<LearnedKind> pending_learned_;  // for the next unit
  ItemStaging staging_;
  Watches watches_;
  std::map<JobId, JobSummary> committed_;   // of live jobs
  FinishedJobs finished_;                   // likewise committed
  std::vector<StagedItems> pending_items_;  // for the next unit

  // Submissions that have no answer yet: when they came, and who goes on to
  // watch their jobs.
  struct OpenSubmission {
    MonotonicTime since;
    std::optional<Asker> watcher;
  };
  std::map<std::pair<Peer, uint64_t>, OpenSubmission> open_submissions_;

  MonotonicTime ticked_{};
  MonotonicTime denied_logged_{};
  uint64_t denied_unlogged_ = 0;
  MonotonicTime leases_hold_until_{};

  bool changed_ = true;  // the core was fed since the last turn
  bool timer_armed_ = false;
  TimerId timer_{};
  MonotonicTime timer_time_{};

  std::unique_ptr<RouterSocket> socket_;
  std::unique_ptr<Outbox> outbox_;
  std::unique_ptr<ReaderThread> queries_;
  std::unique_ptr<ReaderThread> submissions_;
  std::unique_ptr<StoreThread> store_;
};

}  // namespace remuda
