#pragma once

#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include "coordinator/core/event.h"
#include "jobs/ids.h"
#include "wire/client_messages.h"
#include "wire/messages.h"

namespace remuda {

// Who sent something, as the server knows it: one connection of an agent or
// client. The core only hands it back.
struct PeerTag;
using Peer = Id<PeerTag>;

// The new state of one chunk, as the store keeps it.
struct ChunkWrite {
  JobId job;
  uint64_t chunk = 0;
  uint64_t version = 0;  // +1 each write; the store refuses anything else
  std::string state;     // coordinator/core/chunk.h
};

struct ToAgent {
  Peer peer;
  // For the frame's header. Agents ignore what comes from another session
  // than their current one; a Welcome opens the session it carries.
  SessionId session;
  // A granted range of a list source leaves the core without its items; the
  // store adds them in the transaction that records the grant.
  CoordinatorMessage message;
};

struct ToClient {
  Peer peer;
  uint64_t request = 0;
  ClientReply reply;
};

using Send = std::variant<ToAgent, ToClient>;

// What one turn of the core asks for. The server writes the first part in one
// transaction and does the second part after that commit; `at_once` does not
// depend on it.
struct Output {
  std::vector<Event> events;
  std::vector<ChunkWrite> chunks;
  std::vector<GrantId> grants_done;   // nothing of them is running any more
  std::vector<JobSummary> summaries;  // of the jobs that changed
  std::vector<LogChunk> logs;         // checked, to be kept

  // Waits for this output's commit and for those of all outputs before it,
  // also when this one has nothing to commit.
  std::vector<Send> after_commit;
  std::vector<Send> at_once;

  bool needs_commit() const {
    return !events.empty() || !chunks.empty() || !logs.empty();
  }
};

}  // namespace remuda
