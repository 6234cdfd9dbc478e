#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <string>

#include "agent/core/agent_counters.h"
#include "agent/core/agent_output.h"
#include "agent/frame_counts.h"
#include "base/event_loop.h"
#include "executors/executor.h"
#include "jobs/states.h"
#include "wire/dealer_socket.h"
#include "wire/metrics.h"

namespace remuda {

// The agent's numbers for Prometheus. Counts nothing by itself: the control
// loop brings what the parts have counted.
//
// Thread: the control loop, except Serialize().
// Lifetime: a value of its owner's.
class AgentMetrics {
 public:
  // What there is to tell at one moment.
  struct Snapshot {
    const AgentCounters& core;
    AgentGauges gauges;
    DealerSocket::Counters socket;
    const FrameCounts& frames;
    EventLoop::Counters loop;
    std::array<WorkerNumbers, kExecutorKinds> workers{};  // by ExecutorKind
    size_t spool_entries = 0;
    size_t spool_kept = 0;
    uint64_t spool_bytes = 0;
  };

  static constexpr size_t kSeriesMax = 2'000;

  explicit AgentMetrics(const std::string& version);

  void OnOutput(const AgentOutput& output);
  void OnTurn(Duration duration);
  void Update(const Snapshot& snapshot);

  // Any thread.
  std::string Serialize() const { return metrics_.Serialize(); }
  size_t series() const { return metrics_.series(); }

 private:
  struct OfExecutor {
    Metrics::Gauge slots;
    Metrics::Gauge in_use;
    Metrics::Gauge queue;
    Metrics::Gauge credit;
    Metrics::Counter busy;
    Metrics::Counter started;
    Metrics::Counter not_started;
    std::array<Metrics::Counter, AgentCounters::kEndings> finished;
    Metrics::Buckets start_delay;
    std::array<Metrics::Gauge, 4> workers;
    std::array<Metrics::Counter, 5> worker_exits;
  };

  void AddExecutors();
  void AddWorkers(OfExecutor& of, const Metrics::Labels& labels);
  void AddTransport();
  void UpdateExecutors(const Snapshot& snapshot);

  Metrics metrics_;
  std::array<OfExecutor, kExecutorKinds> executors_;
  Metrics::Gauge connected_;
  Metrics::Gauge draining_;
  Metrics::Gauge lease_margin_;
  Metrics::Gauge held_;
  Metrics::Gauge spool_results_;
  Metrics::Gauge spool_kept_;
  Metrics::Gauge spool_bytes_;
  Metrics::Gauge clock_offset_;
  Metrics::Counter self_fences_;
  Metrics::Counter orphans_killed_;
  Metrics::Counter fenced_attempts_;
  Metrics::Counter grants_;
  Metrics::Counter granted_tasks_;
  Metrics::Counter duplicate_tasks_;
  std::array<Metrics::Counter, 5> reconnects_;
  std::array<Metrics::Counter, kFindingCodes.size()> findings_;
  std::map<uint8_t, Metrics::Counter> frames_;  // by type
  Metrics::Counter bytes_in_;
  Metrics::Counter bytes_out_;
  Metrics::Counter send_blocked_;
  std::array<Metrics::Counter, 3> handshakes_failed_;  // by reason
  Metrics::Counter malformed_;
  Metrics::Counter malformed_parts_;
  Metrics::Histogram round_trip_;
  Metrics::Histogram loop_lag_;
  Metrics::Counter loop_busy_;
};

}  // namespace remuda
