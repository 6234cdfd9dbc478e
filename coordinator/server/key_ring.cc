#include "coordinator/server/key_ring.h"

#include <utility>

#include "base/log.h"
#include "wire/private_file.h"

namespace remuda {
namespace {

constexpr char kAllowed[] = "/allowed";
constexpr char kServerKey[] = "/server.key";

}  // namespace

absl::StatusOr<std::unique_ptr<KeyRing>> KeyRing::Open(
    const std::string& folder, WireContext& context, const Clock& clock) {
  const absl::Status secret = CheckSecretFolder(folder);
  if (!secret.ok()) {
    return absl::InvalidArgumentError(std::string(secret.message()));
  }
  absl::StatusOr<KeyPair> server = LoadServerKey(folder + kServerKey);
  if (!server.ok()) return server.status();
  absl::StatusOr<AllowList> allowed = LoadAllowList(folder + kAllowed);
  if (!allowed.ok()) return allowed.status();
  if (allowed->by_key.empty()) {
    Log(LogLevel::kWarning, "nobody_admitted",
        "There is no entry yet, so that nobody is admitted.",
        {{"folder", folder + kAllowed}});
  }
  absl::StatusOr<std::unique_ptr<Authenticator>> authenticator =
      Authenticator::Start({.allowed = *std::move(allowed)}, context, clock);
  if (!authenticator.ok()) return authenticator.status();
  return std::unique_ptr<KeyRing>(new KeyRing(
      folder, *std::move(server), *std::move(authenticator), context, clock));
}

KeyRing::KeyRing(std::string folder, KeyPair server,
                 std::unique_ptr<Authenticator> authenticator,
                 WireContext& context, const Clock& clock)
    : folder_(std::move(folder)),
      server_(std::move(server)),
      authenticator_(std::move(authenticator)),
      context_(context),
      clock_(clock) {}

RouterKeys KeyRing::keys() const {
  return {.secret = server_.secret_key, .authenticator = *authenticator_};
}

absl::Status KeyRing::ProveClosed(const std::string& endpoint) {
  const PeerKey stranger = {.name = "stranger",
                            .pair = authenticator_->stranger(),
                            .server = server_.public_key};
  const absl::Status closed = ProbeDoor(endpoint, stranger, context_, clock_);
  if (!closed.ok()) return closed;
  proved_ = 1;
  absl::StatusOr<std::unique_ptr<DoorWatch>> watch =
      DoorWatch::Start(endpoint, stranger, context_, clock_);
  if (!watch.ok()) return watch.status();
  watch_ = *std::move(watch);
  return absl::OkStatus();
}

absl::Status KeyRing::Reload() {
  absl::StatusOr<AllowList> allowed = LoadAllowList(folder_ + kAllowed);
  if (!allowed.ok()) {
    ++reloads_failed_;
    Log(LogLevel::kError, "keys_not_read",
        "The entries in allowed/ stay what they were, as one will not do.",
        {{"reason", std::string(allowed.status().message())}});
    return allowed.status();
  }
  ++reloads_;
  Log(LogLevel::kInfo, "keys_read", "The entries in allowed/ were read again.",
      {{"entries", allowed->by_key.size()}});
  authenticator_->SetAllowed(*std::move(allowed));
  return absl::OkStatus();
}

KeyRing::Numbers KeyRing::numbers() const {
  Numbers numbers = {.entries = authenticator_->entries(),
                     .reloads = reloads_,
                     .reloads_failed = reloads_failed_,
                     .probes = proved_};
  if (watch_ != nullptr) {
    const DoorWatch::Counters watched = watch_->counters();
    numbers.probes += watched.probes;
    numbers.admissions = watched.admissions;
    numbers.unanswered = watched.unanswered;
  }
  return numbers;
}

}  // namespace remuda
