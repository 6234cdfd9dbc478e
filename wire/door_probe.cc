#include "wire/door_probe.h"

#include <signal.h>
#include <zmq.h>

#include <optional>
#include <string_view>
#include <utility>

#include "base/check.h"
#include "base/event_loop.h"
#include "base/log.h"
#include "wire/socket_monitor.h"
#include "wire/zmq_socket.h"

namespace remuda {
namespace {

// Where this machine reaches what listens on all its addresses.
std::string ReachableAddress(const std::string& endpoint) {
  constexpr std::string_view kAll = "tcp://0.0.0.0:";
  constexpr std::string_view kAll6 = "tcp://[::]:";
  if (endpoint.starts_with(kAll)) {
    return "tcp://127.0.0.1:" + endpoint.substr(kAll.size());
  }
  if (endpoint.starts_with(kAll6)) {
    return "tcp://[::1]:" + endpoint.substr(kAll6.size());
  }
  return endpoint;
}

// Whether a stranger was let in; none if nothing came of it.
std::optional<bool> IsAdmitted(const std::string& address,
                               const std::optional<PeerKey>& key,
                               WireContext& context, const Clock& clock,
                               Duration patience) {
  EventLoop loop(clock);
  auto socket = ZmqSocket::Open(context, ZmqSocket::Type::kDealer);
  if (!socket.ok()) return std::nullopt;
  socket->Set(ZMQ_LINGER, 0);
  socket->Set(ZMQ_IPV6, address.find('[') != std::string::npos ? 1 : 0);
  if (key.has_value()) socket->ConnectWithKey(*key);
  std::optional<bool> admitted;
  auto monitor =
      SocketMonitor::Start(context, loop, *socket, [&](ConnectionEvent event) {
        switch (event) {
          case ConnectionEvent::kConnected:
            admitted = true;
            break;
          case ConnectionEvent::kKeyDenied:
          case ConnectionEvent::kOtherMechanism:
          case ConnectionEvent::kProtocolError:
            admitted = admitted.value_or(false);
            break;
          case ConnectionEvent::kHandshakeFailed:
            // The other end may close before it has said that it asks for a
            // key. To somebody with a key it says so in any case.
            if (key.has_value()) return;
            admitted = admitted.value_or(false);
            break;
          case ConnectionEvent::kDisconnected:
          case ConnectionEvent::kAcceptFailed:
            return;  // it goes on trying
        }
        loop.Stop();
      });
  if (!monitor.ok()) return std::nullopt;
  // Not Connect(), which refuses what is tried here: no key off this machine.
  if (zmq_connect(socket->handle(), address.c_str()) != 0) return std::nullopt;
  loop.RunAfter(patience, [&] { loop.Stop(); });
  loop.Run();
  return admitted;
}

}  // namespace

absl::Status ProbeDoor(const std::string& endpoint, const PeerKey& stranger,
                       WireContext& context, const Clock& clock,
                       Duration patience) {
  const std::string address = ReachableAddress(endpoint);
  const struct {
    const char* who;
    std::optional<PeerKey> key;
  } strangers[] = {{"a key that is on no list", stranger},
                   {"no key at all", std::nullopt}};
  for (const auto& one : strangers) {
    const std::optional<bool> admitted =
        IsAdmitted(address, one.key, context, clock, patience);
    if (!admitted.has_value()) {
      return absl::UnavailableError(
          "whether " + endpoint + " admits " + one.who +
          " could not be found out: it turned nobody away in time");
    }
    if (*admitted) {
      return absl::FailedPreconditionError(endpoint + " admits " + one.who);
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<std::unique_ptr<DoorWatch>> DoorWatch::Start(
    std::string endpoint, PeerKey stranger, WireContext& context,
    const Clock& clock, Duration interval) {
  absl::StatusOr<StopFlag> stop = StopFlag::Make();
  if (!stop.ok()) return stop.status();
  std::unique_ptr<DoorWatch> watch(
      new DoorWatch(std::move(endpoint), std::move(stranger), context, clock,
                    interval, *std::move(stop)));
  watch->thread_ = std::thread([self = watch.get()] { self->Watch(); });
  return watch;
}

DoorWatch::DoorWatch(std::string endpoint, PeerKey stranger,
                     WireContext& context, const Clock& clock,
                     Duration interval, StopFlag stop)
    : endpoint_(std::move(endpoint)),
      stranger_(std::move(stranger)),
      context_(context),
      clock_(clock),
      interval_(interval),
      stop_(std::move(stop)) {}

DoorWatch::~DoorWatch() {
  stop_.Set();
  thread_.join();
}

DoorWatch::Counters DoorWatch::counters() const {
  return {
      .probes = probes_, .admissions = admissions_, .unanswered = unanswered_};
}

void DoorWatch::Watch() {
  sigset_t all;
  sigfillset(&all);
  CHECK(pthread_sigmask(SIG_SETMASK, &all, nullptr) == 0);
  EventLoop loop(clock_);
  loop.WatchReadable(stop_.fd(), [&loop] { loop.Stop(); });
  while (!stop_.IsSet()) {
    const TimerId timer = loop.RunAfter(interval_, [&] {
      Probe();
      loop.Stop();
    });
    loop.Run();
    loop.CancelTimer(timer);
  }
}

void DoorWatch::Probe() {
  const absl::Status probed =
      ProbeDoor(endpoint_, stranger_, context_, clock_, kProbePatience);
  ++probes_;
  if (probed.ok()) return;
  ++(absl::IsFailedPrecondition(probed) ? admissions_ : unanswered_);
  Log(LogLevel::kError, "door_probe",
      "A stranger at our own door was not turned away.",
      {{"endpoint", endpoint_}, {"reason", std::string(probed.message())}});
}

}  // namespace remuda
