#include "coordinator/api/door_question.h"

#include <optional>
#include <utility>

#include "base/mutex.h"

namespace remuda {

struct DoorQuestion::Slot {
  Mutex mutex;
  std::optional<ClientReply> latest GUARDED_BY(mutex);
  // On the API's thread only; empty once nobody listens.
  OnReply on_reply;
};

DoorQuestion::DoorQuestion(RequestDoor& door, std::shared_ptr<Mailbox> mailbox,
                           const Identity& identity, ClientRequest request,
                           OnReply on_reply)
    : door_(door), slot_(std::make_shared<Slot>()) {
  slot_->on_reply = std::move(on_reply);
  const auto read = [slot = slot_] {
    std::optional<ClientReply> reply;
    {
      MutexLock lock(slot->mutex);
      reply.swap(slot->latest);
    }
    // A copy, as the call may end the question.
    const OnReply call = slot->on_reply;
    if (reply.has_value() && call) call(*std::move(reply));
  };
  caller_ = door_.Ask(identity, std::move(request),
                      [slot = slot_, mailbox = std::move(mailbox),
                       read](const ClientReply& reply) {
                        bool waiting = false;
                        {
                          MutexLock lock(slot->mutex);
                          waiting = slot->latest.has_value();
                          slot->latest = reply;
                        }
                        if (!waiting) mailbox->Post(read);
                      });
}

DoorQuestion::~DoorQuestion() {
  slot_->on_reply = nullptr;
  door_.Leave(caller_);
}

}  // namespace remuda
