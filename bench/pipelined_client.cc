#include "bench/pipelined_client.h"

#include <utility>

#include "wire/codec.h"

namespace remuda {
namespace {

constexpr Duration kConnectPatience = std::chrono::seconds(15);

}  // namespace

PipelinedClient::PipelinedClient(const Clock& clock)
    : loop_(clock), random_(SystemSeed()) {}

absl::StatusOr<std::unique_ptr<PipelinedClient>> PipelinedClient::Connect(
    const std::string& endpoint, const std::optional<PeerKey>& key,
    WireContext& context, const Clock& clock) {
  std::unique_ptr<PipelinedClient> client(new PipelinedClient(clock));
  PipelinedClient* const self = client.get();
  DealerOptions options;
  options.endpoint = endpoint;
  options.key = key;
  options.reconnect = ReconnectDelays::For(endpoint);
  auto dealer = DealerSocket::Connect(
      options, context, self->loop_, self->random_,
      {.on_frame = [self](std::string_view frame) { self->OnFrame(frame); },
       .on_connected = [self] { self->loop_.Stop(); },
       .on_disconnected =
           [self] { self->Fail(absl::UnavailableError("disconnected")); },
       .on_turned_away =
           [self](TurnedAway why) {
             self->Fail(absl::PermissionDeniedError(ReasonOf(why)));
           }});
  if (!dealer.ok()) return dealer.status();
  self->dealer_ = *std::move(dealer);
  const TimerId timer =
      self->loop_.RunAfter(kConnectPatience, [self] { self->loop_.Stop(); });
  self->loop_.Run();
  self->loop_.CancelTimer(timer);
  if (!self->failure_.ok()) return self->failure_;
  if (!self->dealer_->connected()) {
    return absl::UnavailableError("no coordinator at " + endpoint);
  }
  return client;
}

void PipelinedClient::Ask(const ClientRequest& request, OnReply on_reply) {
  open_.emplace(++number_, std::move(on_reply));
  const absl::Status sent = dealer_->Send(EncodeRequest(request, number_));
  if (!sent.ok()) Fail(sent);
}

absl::Status PipelinedClient::Run(Duration at_most) {
  const TimerId timer = loop_.RunAfter(at_most, [this] {
    Fail(absl::DeadlineExceededError("not all replies came in time"));
  });
  if (failure_.ok()) loop_.Run();
  loop_.CancelTimer(timer);
  return failure_;
}

void PipelinedClient::OnFrame(std::string_view frame) {
  auto decoded = DecodeReply(frame);
  if (!decoded.ok()) return Fail(decoded.status());
  const auto found = open_.find(decoded->number);
  if (found == open_.end()) return;  // its watch was over
  if (!found->second(decoded->reply)) open_.erase(decoded->number);
}

void PipelinedClient::Fail(absl::Status status) {
  if (failure_.ok()) failure_ = std::move(status);
  loop_.Stop();
}

}  // namespace remuda
