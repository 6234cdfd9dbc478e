#pragma once

#include <cstdint>

#include "coordinator/server/key_ring.h"
#include "wire/metrics.h"
#include "wire/router_socket.h"

namespace remuda {

// The numbers of keys, which exist without keys too, so that rates begin at
// zero.
//
// Thread: confined to the control loop.
// Lifetime: of the registry.
class KeyMetrics {
 public:
  explicit KeyMetrics(Metrics& registry);

  // `ring` is null without keys.
  void Publish(const KeyRing* ring, const RouterSocket::Counters& socket,
               uint64_t sessions_refused);

 private:
  Metrics::Gauge admitted_;
  Metrics::Counter reloads_;
  Metrics::Counter reloads_failed_;
  Metrics::Counter peers_cut_;
  Metrics::Counter frames_dropped_;
  Metrics::Counter sessions_refused_;
  Metrics::Counter probes_closed_;
  Metrics::Counter probes_unanswered_;
  Metrics::Counter probe_admissions_;
};

}  // namespace remuda
