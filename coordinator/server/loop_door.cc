#include "coordinator/server/loop_door.h"

#include <utility>

#include "base/check.h"

namespace remuda {

LoopDoor::~LoopDoor() {
  Close();
  MutexLock lock(mutex_);
  CHECK(callers_.empty());
}

DoorCaller LoopDoor::Ask(const Identity& identity, ClientRequest request,
                         OnReply on_reply) {
  DoorCaller caller;
  bool busy = false;
  {
    MutexLock lock(mutex_);
    caller = {next_++};
    busy = callers_.size() >= kCallersMax;
    callers_[caller.value] =
        std::make_shared<const OnReply>(std::move(on_reply));
  }
  if (busy) {
    loop_.Post([this, caller, on_ask = on_ask_] {
      if (*on_ask == nullptr) return;
      Deliver({caller.value},
              RequestError{.code = RequestError::Code::kBusy,
                           .message = "too many requests at once; try again"});
    });
    return caller;
  }
  loop_.Post([caller, identity, request = std::move(request),
              on_ask = on_ask_]() mutable {
    if (*on_ask == nullptr) return;
    (*on_ask)({caller.value}, identity, std::move(request));
  });
  return caller;
}

void LoopDoor::Leave(DoorCaller caller) {
  MutexLock lock(mutex_);
  callers_.erase(caller.value);
}

bool LoopDoor::Deliver(Peer caller, const ClientReply& reply) {
  std::shared_ptr<const OnReply> on_reply;
  {
    MutexLock lock(mutex_);
    const auto found = callers_.find(caller.value);
    if (found == callers_.end()) return false;
    on_reply = found->second;
  }
  (*on_reply)(reply);
  return true;
}

}  // namespace remuda
