#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "base/clock.h"
#include "base/event_loop.h"
#include "coordinator/core/counters.h"
#include "coordinator/server/denial_metrics.h"
#include "coordinator/store/store.h"
#include "jobs/ids.h"
#include "jobs/states.h"
#include "wire/access.h"
#include "wire/metrics.h"
#include "wire/router_socket.h"

namespace remuda {

// The numbers of a coordinator, as /metrics shows them. What happens per batch
// is counted where it happens; what the core and the sockets count themselves
// is copied when somebody asks. Every series exists from the start, so that
// rates begin at zero.
//
// Thread: as said at each method; Serialize() is slow and for the HTTP thread.
// Lifetime: outlives the loop and the threads that count.
class CoordinatorMetrics {
 public:
  // Job types with series of their own; later ones count as "other".
  static constexpr size_t kJobTypesMax = 100;

  explicit CoordinatorMetrics(const std::string& version);

  // On the loop. A frame that could be read, or that goes to the outbox.
  void OnFrameIn(std::string_view frame);
  void OnFrameOut(std::string_view frame);
  void OnMalformed(std::string_view reason);
  // A message of that type that the role may not send.
  void OnDenied(Role role, std::string_view type) { denied_.Count(role, type); }
  // A submission that did not come to the core, and why.
  void OnSubmissionRefused(const absl::Status& status);
  void OnSubmitted(Duration from_receipt_to_durable_answer);
  void OnDispatch(Duration duration);  // one turn of the core
  void OnTurn(Duration duration);      // one turn of the loop
  void OnRecovered(Duration duration);

  // On the store's thread. `waited`: the oldest unit, for its turn.
  void OnCommit(const CommitFacts& facts, Duration duration, Duration waited);
  void OnCheckpoint(Duration duration);
  void OnStoreError(const absl::Status& status);

  // On the loop: takes over what others count.
  struct Snapshot {
    const CoreCounters& core;
    Term term;
    WallTime now{};
    RouterSocket::Counters socket;
    EventLoop::Counters loop;
    uint64_t outbox_bytes = 0;
    uint64_t staged_bytes = 0;
    uint64_t watches = 0;
  };
  void Publish(const Snapshot& snapshot);

  // Any thread: the sizes of the files of this database.
  void PublishSizes(const std::string& database_path);
  std::string Serialize() const { return metrics_.Serialize(); }
  // For the numbers of other doors of this process. Any thread.
  Metrics& registry() { return metrics_; }
  size_t series() const { return metrics_.series(); }

 private:
  using Counter = Metrics::Counter;
  using Gauge = Metrics::Gauge;
  using Histogram = Metrics::Histogram;
  using Buckets = Metrics::Buckets;
  static constexpr size_t kFrameTypes = 128;

  // Of one job type on one executor.
  struct Class {
    Counter started;
    Counter handed_back;
    std::array<Counter, kEndings> finished;
    Counter granted;
    Buckets run;
  };
  // Of one job type; the core counts them by executor too.
  struct Type {
    std::array<Counter, kTaskStates> tasks;
    std::map<size_t, Counter> retries;  // by the ending before them
    Counter retries_lost;
    Counter quarantined;
  };

  void AddTransport();
  void AddStore();
  void AddWork();
  void AddQueue();
  void AddLoops();
  void AddSessions();
  void AddGauges();
  std::string TypeLabel(const std::string& type);
  Class& ClassOf(const std::string& label, ExecutorKind executor);
  Type& TypeOf(const std::string& label);
  void PublishClasses(const CoreCounters& core);
  void PublishQueue(const CoreCounters& core, WallTime now);
  void PublishSessions(const CoreCounters& core);
  void CheckConservation(const CoreCounters& core);

  Metrics metrics_;
  DenialMetrics denied_{metrics_};
  std::array<Counter, kFrameTypes> frames_;
  std::map<std::string, Counter, std::less<>> malformed_;
  std::map<std::string, Counter> totals_;  // without labels of their own
  std::map<std::string, Gauge> gauges_;
  std::map<std::string, std::string> type_labels_;
  std::map<std::pair<std::string, ExecutorKind>, Class> classes_;
  std::map<std::string, Type> types_;
  std::array<std::array<Counter, kStaleReasons>, kAgentMessageKinds> stale_;
  std::array<Gauge, 4> agents_;
  std::array<Gauge, kExecutorKinds> credit_;
  std::array<Counter, 7> jobs_finished_;
  uint64_t refused_busy_ = 0;
  uint64_t refused_invalid_ = 0;
  Counter rows_;
  std::map<std::string, Counter> store_errors_;  // by kind
  std::map<std::string, Counter> violations_;    // by invariant
  uint64_t imbalance_ = 0;                       // at the last look
  Counter store_busy_;
  Histogram commit_seconds_;
  Histogram commit_operations_;
  Histogram checkpoint_seconds_;
  Histogram dispatch_seconds_;
  Histogram submit_seconds_;
  Histogram turn_seconds_;
  Histogram store_lag_seconds_;
  Buckets wait_seconds_;
  Buckets total_seconds_;
};

}  // namespace remuda
