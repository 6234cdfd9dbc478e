#pragma once

#include <functional>
#include <memory>

#include "coordinator/api/mailbox.h"
#include "coordinator/server/request_door.h"
#include "wire/access.h"
#include "wire/client_messages.h"

namespace remuda {

// One question to the coordinator, answered on the API's thread. Of a watch's
// answers that come faster than they are read only the latest is kept.
//
// Thread: confined to the API's.
// Lifetime: destruction leaves the door; nothing is heard afterwards.
class DoorQuestion {
 public:
  // May destroy the question that calls it.
  using OnReply = std::function<void(ClientReply reply)>;

  DoorQuestion(RequestDoor& door, std::shared_ptr<Mailbox> mailbox,
               const Identity& identity, ClientRequest request,
               OnReply on_reply);
  ~DoorQuestion();
  DoorQuestion(const DoorQuestion&) = delete;
  DoorQuestion& operator=(const DoorQuestion&) = delete;

 private:
  struct Slot;

  RequestDoor& door_;
  // Shared with the coordinator's loop and with what it posted.
  const std::shared_ptr<Slot> slot_;
  DoorCaller caller_;
};

}  // namespace remuda
