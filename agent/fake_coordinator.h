#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/event_loop.h"
#include "jobs/ids.h"
#include "wire/attempt_records.h"
#include "wire/codec.h"
#include "wire/messages.h"
#include "wire/router_socket.h"
#include "wire/wire_context.h"

namespace remuda {

// The coordinator's end of the wire, as a test wants it: welcomes, acks and
// remembers what came. Grants nothing by itself.
//
// Thread: the loop's.
class FakeCoordinator {
 public:
  FakeCoordinator(WireContext& context, EventLoop& loop,
                  const std::string& endpoint, Term term);

  const std::string& endpoint() const { return router_->endpoint(); }
  void Send(const CoordinatorMessage& message);

  // How it behaves.
  std::optional<Refusal> refuse_hello;
  bool acks_results = true;

  // What came, with duplicates.
  std::vector<Hello> hellos;
  std::vector<Heartbeat> heartbeats;
  std::vector<Results> results;
  std::vector<LogChunk> chunks;
  std::vector<Goodbye> goodbyes;
  std::vector<Findings> findings;
  // Messages other than Hello that did not carry the present session.
  int strays = 0;

  // Started attempts by task, each one that came counted once a message.
  std::map<TaskIndex, std::vector<AttemptRecord>> Records() const;
  uint64_t next_sequence() const { return next_sequence_; }

 private:
  void OnFrame(WirePeer peer, std::string_view frame);
  void On(const Hello& hello);
  void Take(uint64_t sequence);

  const Term term_;
  std::unique_ptr<RouterSocket> router_;
  WirePeer peer_;
  SessionId session_;
  uint64_t next_sequence_ = 0;
};

}  // namespace remuda
