#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <string>

#include "base/clock.h"
#include "jobs/ids.h"
#include "wire/messages.h"

namespace remuda {

// Where the agent stands with its coordinator: connected or not, greeted or
// registered, and how long the lease lasts. Measures the lease from the
// sending of what the coordinator confirmed (docs/CONTRACTS.md, Leases), so it
// ends here before it ends there. Does not know what is held under it.
//
// Thread: confined to the agent core.
// Lifetime: a value.
class Registration {
 public:
  static constexpr Duration kHelloPatience = std::chrono::seconds(5);
  // Between two Hellos that are said again at once. Each has all that did not
  // arrive granted again, so a lasting fault is not answered at its own pace.
  static constexpr Duration kHelloPause = std::chrono::milliseconds(100);
  static constexpr Duration kBackoffFirst = std::chrono::milliseconds(250);
  static constexpr Duration kBackoffMax = std::chrono::seconds(15);
  static constexpr Duration kIntervalMin = std::chrono::milliseconds(10);
  // So many intervals without an answer, and the agent says Hello again.
  static constexpr int kSilentIntervals = 4;
  static constexpr size_t kHeartbeatsKept = 128;

  enum class State : uint8_t {
    kDisconnected,
    kConnected,  // a Hello is due, now or after a back-off
    kGreeted,    // waits for the Welcome
    kRegistered,
  };

  // `spread` in [0, 1) varies the back-off from agent to agent.
  // `start` counts the processes of the data folder.
  Registration(Duration kill_grace, double spread, uint32_t start = 0);

  void OnConnected(MonotonicTime now);
  void OnDisconnected();

  // The number of the Hello that is sent now.
  uint64_t OnHelloSent(MonotonicTime now);
  // The sequence of the Heartbeat that is sent now. An extra one does not put
  // off the next regular one.
  enum class Pace : uint8_t { kRegular, kExtra };
  uint64_t OnHeartbeatSent(MonotonicTime now, Pace pace = Pace::kRegular);

  // Whether it answers the last Hello. Another one is late, or a copy: its
  // session is over or already begun, and its lease counts from earlier.
  bool Awaits(const Welcome& welcome) const;
  void OnWelcome(MonotonicTime now, const Welcome& welcome);
  // The session is void; a Hello follows, at once but for kHelloPause, or after
  // a back-off.
  void SayHelloAgain(MonotonicTime now, bool at_once);
  // The round trip, if this ack is of a heartbeat not yet confirmed.
  std::optional<Duration> OnHeartbeatAck(MonotonicTime now, uint64_t sequence);

  bool HelloDue(MonotonicTime now) const;
  bool HeartbeatDue(MonotonicTime now) const;
  // No answer for so long that the session is in doubt.
  bool IsSilent(MonotonicTime now) const;

  // The moment at which the agent has to stop what it holds under a lease, if
  // it has one.
  std::optional<MonotonicTime> fence_time() const { return fence_time_; }
  void EndLease() { fence_time_.reset(); }

  std::optional<MonotonicTime> next_time() const;

  State state() const { return state_; }
  bool registered() const { return state_ == State::kRegistered; }

 private:
  uint64_t hello_number() const { return HelloNumber(start_, hellos_); }
  void Renew(MonotonicTime sent);

  const Duration kill_grace_;
  const double spread_;
  const uint32_t start_;
  State state_ = State::kDisconnected;
  MonotonicTime hello_at_{};
  MonotonicTime hello_sent_{};
  std::optional<MonotonicTime> hurried_at_;  // the last one said again at once
  Duration backoff_ = kBackoffFirst;
  uint32_t hellos_ = 0;

  Duration lease_ = Duration::zero();
  Duration interval_ = Duration::zero();
  std::optional<MonotonicTime> fence_time_;

  struct Sent {
    uint64_t sequence = 0;
    MonotonicTime at{};
    Pace pace = Pace::kRegular;
  };
  uint64_t sequence_ = 0;
  std::deque<Sent> unconfirmed_;
  MonotonicTime heartbeat_at_{};
  MonotonicTime heard_at_{};
};

}  // namespace remuda
