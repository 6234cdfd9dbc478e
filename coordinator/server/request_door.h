#pragma once

#include <functional>

#include "jobs/ids.h"
#include "wire/access.h"
#include "wire/client_messages.h"

namespace remuda {

// One caller of a RequestDoor, for as long as it wants replies.
using DoorCaller = Id<struct DoorCallerTag>;

// The way into a coordinator for requests that do not come over ZeroMQ. What
// is asked here is answered exactly as on the wire, with the same checks of
// who may ask what.
//
// Thread: any for the calls; replies come on the coordinator's loop and must
// not block it: hand them over.
// Lifetime: callers leave before the door goes.
class RequestDoor {
 public:
  using OnReply = std::function<void(const ClientReply& reply)>;

  virtual ~RequestDoor() = default;

  // Asks once. A WatchJobs replies until its jobs are terminal or the caller
  // leaves, everything else once. A request that the identity may not make
  // gets a RequestError, and so does one too many.
  virtual DoorCaller Ask(const Identity& identity, ClientRequest request,
                         OnReply on_reply) = 0;

  // After this no reply comes, except one that is being delivered right now.
  virtual void Leave(DoorCaller caller) = 0;
};

}  // namespace remuda
