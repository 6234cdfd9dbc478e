#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <utility>

#include "base/clock.h"
#include "coordinator/api/exchange.h"
#include "coordinator/api/gate.h"
#include "wire/metrics.h"

namespace remuda {

// The limits of the API; each is answered with a status of its own.
struct ApiLimits {
  size_t connections_max = 256;
  size_t header_bytes_max = 8u << 10;
  // Of all bodies that are being read or wait to be.
  uint64_t bodies_bytes_max = 256u << 20;
  size_t specs_waiting_max = 16;
  size_t streams_max = 128;
  size_t streams_of_one_max = 16;
  Duration idle_max = std::chrono::seconds(60);
  // Of a head; its body gets a second more for each MiB.
  Duration read_deadline = std::chrono::seconds(10);
  Duration write_deadline = std::chrono::seconds(20);
  Duration reply_patience = std::chrono::seconds(30);
  Duration heartbeat_interval = std::chrono::seconds(15);
};

// One connection as the others see it.
class ApiConnection {
 public:
  enum class Phase : uint8_t {
    kWaiting,    // for a handshake, or for a request to begin
    kReading,    // a head that has begun
    kAnswering,  // somebody who was let in
    kStreaming,
  };

  virtual ~ApiConnection() = default;

  // Ends it at once.
  virtual void Cut() = 0;
  // Ends it if what was let in no longer would be.
  virtual void OnTokensChanged() = 0;

  Phase phase() const { return phase_; }
  uint64_t since() const { return since_; }

 protected:
  Phase phase_ = Phase::kWaiting;
  uint64_t since_ = 0;  // the number of the step that began this phase
};

// What the connections of the API share: who is there, what is let in, and
// what may still be taken. Knows nothing of sockets.
//
// Thread: confined to the API's.
// Lifetime: outlives the connections.
class ApiHub {
 public:
  ApiHub(const ApiLimits& api_limits, Gate::Options gate_options,
         ExchangeContext context, Metrics& metrics);
  ApiHub(const ApiHub&) = delete;
  ApiHub& operator=(const ApiHub&) = delete;

  const ApiLimits limits;
  Gate gate;
  ExchangeContext exchanges;

  // Cuts connections that do nothing, the oldest first, until one more fits.
  // False if all are busy.
  bool MakeRoom();
  void Add(ApiConnection& connection);
  void Remove(ApiConnection& connection);
  uint64_t NextStep() { return ++steps_; }
  void CutAll();
  void SetTokens(Tokens tokens);

  // Memory for the bodies of requests, and streams of an identity; false if
  // there is none left.
  bool TakeBody(uint64_t bytes);
  void GiveBody(uint64_t bytes) { body_bytes_ -= bytes; }
  bool TakeStream(const Identity& identity);
  void GiveStream(const Identity& identity);

  void Count(const std::string& route, int status);

 private:
  std::set<ApiConnection*> connections_;
  std::map<std::string, size_t> streams_;  // by name
  size_t streams_open_ = 0;
  uint64_t body_bytes_ = 0;
  uint64_t steps_ = 0;
  std::map<std::pair<std::string, int>, Metrics::Counter> requests_;
  Metrics::Gauge connections_open_;
  Metrics::Gauge streams_gauge_;
};

}  // namespace remuda
