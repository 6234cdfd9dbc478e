#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/clock.h"
#include "base/event_loop.h"
#include "base/random.h"
#include "wire/client_messages.h"
#include "wire/dealer_socket.h"
#include "wire/key_files.h"
#include "wire/wire_context.h"

namespace remuda {

// A client with many requests on their way at once, in the canonical messages
// of docs/WIRE.md. It measures, so it never asks twice: a connection that is
// lost ends Run() with an error. How much is on its way is the caller's choice.
//
// Thread: confined to its owner.
// Lifetime: the context and the clock outlive it.
class PipelinedClient {
 public:
  // Called with each reply to a request; true keeps the request open for more,
  // as a watch is.
  using OnReply = std::function<bool(ClientReply&)>;

  // Waits for the connection. Errors: Unavailable if there is none in time,
  // and those of DealerSocket::Connect.
  static absl::StatusOr<std::unique_ptr<PipelinedClient>> Connect(
      const std::string& endpoint, const std::optional<PeerKey>& key,
      WireContext& context, const Clock& clock);

  PipelinedClient(const PipelinedClient&) = delete;
  PipelinedClient& operator=(const PipelinedClient&) = delete;

  void Ask(const ClientRequest& request, OnReply on_reply);

  // Until Stop(). Errors: Unavailable if the connection was lost,
  // DeadlineExceeded after `at_most`, InvalidArgument for a reply that makes
  // no sense.
  absl::Status Run(Duration at_most);
  void Stop() { loop_.Stop(); }

 private:
  explicit PipelinedClient(const Clock& clock);
  void OnFrame(std::string_view frame);
  void Fail(absl::Status status);

  EventLoop loop_;
  Random random_;
  std::unique_ptr<DealerSocket> dealer_;
  std::map<uint64_t, OnReply> open_;
  uint64_t number_ = 0;
  absl::Status failure_;
};

}  // namespace remuda
