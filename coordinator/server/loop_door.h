#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <utility>

#include "base/event_loop.h"
#include "base/mutex.h"
#include "coordinator/core/output.h"
#include "coordinator/server/request_door.h"

namespace remuda {

// The RequestDoor of one loop: callers are peers from the upper half of the
// numbers, which no connection ever gets. Does not decide what an identity may
// ask.
//
// Thread: as RequestDoor; the rest on the loop, or while it does not run.
// Lifetime: ends before the loop.
class LoopDoor : public RequestDoor {
 public:
  // Callers that have not left; the request of one more is answered "busy".
  static constexpr size_t kCallersMax = 4'096;
  static constexpr uint64_t kFirstCaller = uint64_t{1} << 63;

  using OnAsk =
      std::function<void(Peer, const Identity& identity, ClientRequest)>;

  explicit LoopDoor(EventLoop& loop) : loop_(loop) {}
  ~LoopDoor() override;
  LoopDoor(const LoopDoor&) = delete;
  LoopDoor& operator=(const LoopDoor&) = delete;

  DoorCaller Ask(const Identity& identity, ClientRequest request,
                 OnReply on_reply) override;
  void Leave(DoorCaller caller) override;

  // What is asked before and after is never answered.
  void Open(OnAsk on_ask) { *on_ask_ = std::move(on_ask); }
  void Close() { *on_ask_ = nullptr; }

  static bool IsCaller(Peer peer) { return peer.value >= kFirstCaller; }

  // False if the caller has left.
  bool Deliver(Peer caller, const ClientReply& reply);

 private:
  EventLoop& loop_;
  // Shared with what is posted to the loop when this ends.
  const std::shared_ptr<OnAsk> on_ask_ = std::make_shared<OnAsk>();
  Mutex mutex_;
  uint64_t next_ GUARDED_BY(mutex_) = kFirstCaller;
  // Shared with the delivery that is under way while its caller leaves.
  std::map<uint64_t, std::shared_ptr<const OnReply>> callers_
      GUARDED_BY(mutex_);
};

}  // namespace remuda
