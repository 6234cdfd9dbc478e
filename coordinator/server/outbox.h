#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <string>

#include "base/clock.h"
#include "base/event_loop.h"
#include "base/timer_id.h"
#include "coordinator/core/output.h"
#include "wire/router_socket.h"

namespace remuda {

// Frames on their way to peers that do not read fast enough, in order and
// within bounds. Who exceeds them is treated as gone: what it holds is covered
// by leases, and whoever says Hello or asks again starts anew.
//
// Thread: confined to the control loop.
// Lifetime: ends before the socket and the loop.
class Outbox {
 public:
  static constexpr size_t kPeerFramesMax = 4'096;
  static constexpr uint64_t kPeerBytesMax = 32u << 20;
  static constexpr uint64_t kBytesMax = 256u << 20;
  static constexpr Duration kRetryDelay = std::chrono::milliseconds(5);

  // Called in a later turn, once for each peer that is gone.
  using OnGone = std::function<void(Peer)>;

  Outbox(RouterSocket& socket, EventLoop& loop, OnGone on_gone);
  ~Outbox();
  Outbox(const Outbox&) = delete;
  Outbox& operator=(const Outbox&) = delete;

  void Send(Peer peer, std::string frame);

  uint64_t bytes() const { return bytes_; }

 private:
  struct Queue {
    std::deque<std::string> frames;
    uint64_t bytes = 0;
  };

  void Retry();
  void ScheduleRetry();
  // Sends what the peer takes; false if it is gone.
  bool Flush(Peer peer, Queue& queue);
  void GiveUp(Peer peer);

  RouterSocket& socket_;
  EventLoop& loop_;
  const OnGone on_gone_;
  std::map<Peer, Queue> queues_;  // of peers that are slow
  uint64_t bytes_ = 0;
  bool retry_scheduled_ = false;
  TimerId retry_{};
  // Shared with what is posted to the loop when this ends.
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

}  // namespace remuda
