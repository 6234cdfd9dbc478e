#include "wire/authenticator.h"

#include <poll.h>
#include <signal.h>
#include <zmq.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <cstdlib>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "base/check.h"
#include "base/log.h"
#include "base/mutex.h"
#include "wire/stop_flag.h"
#include "wire/zmq_socket.h"

namespace remuda {
namespace {

constexpr char kAddress[] = "inproc://zeromq.zap.01";
constexpr char kVersion[] = "1.0";
constexpr size_t kPartsMax = 16;
constexpr size_t kKeyBytes = 32;
constexpr long kSelfTestMs = 5'000;
// Anybody who reaches the port can be turned away as often as he likes.
constexpr Duration kDenialLogInterval = std::chrono::seconds(1);

using Parts = std::vector<std::string>;

// All parts of the next message, or the errno.
int Receive(void* socket, Parts& parts) {
  parts.clear();
  bool more = true;
  while (more) {
    zmq_msg_t part;
    zmq_msg_init(&part);
    if (zmq_msg_recv(&part, socket, ZMQ_DONTWAIT) < 0) {
      const int error = zmq_errno();
      zmq_msg_close(&part);
      if (error == EINTR) continue;
      return error;
    }
    if (parts.size() < kPartsMax) {
      parts.emplace_back(static_cast<const char*>(zmq_msg_data(&part)),
                         zmq_msg_size(&part));
    }
    more = zmq_msg_more(&part) != 0;
    zmq_msg_close(&part);
  }
  return 0;
}

int SendAll(ZmqSocket& socket, const Parts& parts) {
  for (size_t i = 0; i < parts.size(); ++i) {
    const int error = socket.Send(parts[i], i + 1 < parts.size());
    if (error != 0) return error;
  }
  return 0;
}

// What RFC 27 has in a question about a CURVE key, in this order.
enum QuestionPart : size_t {
  kQuestionVersion,
  kQuestionNumber,
  kQuestionDomain,
  kQuestionAddress,
  kQuestionIdentity,
  kQuestionMechanism,
  kQuestionKey,
  kQuestionParts,
};

bool IsAboutKey(const Parts& question) {
  return question.size() == kQuestionParts &&
         question[kQuestionVersion] == kVersion &&
         question[kQuestionMechanism] == "CURVE" &&
         question[kQuestionKey].size() == kKeyBytes;
}

}  // namespace

class Authenticator::Impl {
 public:
  Impl(Options options, ZmqSocket socket, StopFlag stop, const Clock& clock)
      : on_failure_(std::move(options.on_failure)),
        clock_(clock),
        socket_(std::move(socket)),
        stop_(std::move(stop)),
        allowed_(std::move(options.allowed)) {}

  ~Impl() {
    stop_.Set();
    if (thread_.joinable()) thread_.join();
    // Closing alone would free the address at some later time.
    (void)zmq_unbind(socket_.handle(), kAddress);
  }

  void Start() {
    thread_ = std::thread([this] {
      sigset_t all;
      sigfillset(&all);
      CHECK(pthread_sigmask(SIG_SETMASK, &all, nullptr) == 0);
      const absl::Status ended = Serve();
      if (!ended.ok()) Fail(ended);
    });
  }

  void SetAllowed(AllowList allowed) {
    MutexLock lock(mutex_);
    allowed_ = std::move(allowed);
  }

  std::shared_ptr<const AllowEntry> Find(const PublicKey& key) const {
    MutexLock lock(mutex_);
    const auto found = allowed_.by_key.find(key);
    return found == allowed_.by_key.end() ? nullptr : found->second;
  }

  const KeyPair& stranger() const { return stranger_; }

  size_t entries() const {
    MutexLock lock(mutex_);
    return allowed_.by_key.size();
  }

  Counters counters() const {
    return {.admitted = admitted_, .denied = denied_};
  }

 private:
  // Until the stop flag is set, or an error.
  absl::Status Serve() {
    while (true) {
      std::array<zmq_pollitem_t, 2> items = {
          {{.socket = socket_.handle(), .fd = 0, .events = ZMQ_POLLIN},
           {.socket = nullptr, .fd = stop_.fd(), .events = ZMQ_POLLIN}}};
      if (zmq_poll(items.data(), static_cast<int>(items.size()), -1) < 0) {
        if (zmq_errno() == EINTR) continue;
        return Broken("wait");
      }
      if (stop_.IsSet()) return absl::OkStatus();
      if ((items[0].revents & ZMQ_POLLIN) == 0) continue;
      Parts question;
      int error = Receive(socket_.handle(), question);
      if (error == EAGAIN) continue;
      if (error == 0) error = SendAll(socket_, Answer(question));
      // One who asked and has gone since gets no answer, which is no failure.
      if (error != 0 && error != EHOSTUNREACH) return Broken("answer");
    }
  }

  static absl::Status Broken(const std::string& what) {
    return absl::InternalError("the handler of keys cannot " + what + ": " +
                               zmq_strerror(zmq_errno()));
  }

  Parts Answer(const Parts& question) {
    std::string number;
    if (question.size() > kQuestionNumber) number = question[kQuestionNumber];
    const auto answer = [&](const char* code, const char* text,
                            const std::string& user) {
      return Parts{kVersion, number, code, text, user, ""};
    };
    if (!IsAboutKey(question)) {
      ++denied_;
      return answer("400", "no CURVE key", "");
    }
    const PublicKey key = PublicKey::FromBytes(question[kQuestionKey]);
    const std::shared_ptr<const AllowEntry> entry = Find(key);
    if (entry == nullptr) {
      if (key != stranger_.public_key) {
        ++denied_;
        LogDenial(key, question[kQuestionAddress]);
      }
      return answer("400", "key not admitted", "");
    }
    ++admitted_;
    // Messages carry this name of the entry, which no other entry can have.
    return answer("200", "OK", key.text());
  }

  void LogDenial(const PublicKey& key, const std::string& address) {
    const MonotonicTime now = clock_.Now();
    if (logged_ != MonotonicTime() && now - logged_ < kDenialLogInterval) {
      ++not_logged_;
      return;
    }
    logged_ = now;
    Log(LogLevel::kWarning, "key_not_admitted",
        "Somebody with a key that is on no list was turned away.",
        {{"public", key.text()},
         {"address", address},
         {"others_since_last", std::exchange(not_logged_, 0)}});
  }

  void Fail(const absl::Status& status) {
    Log(LogLevel::kError, "authenticator_failed",
        "Keys can no longer be checked; the process ends.",
        {{"reason", std::string(status.message())}});
    if (on_failure_) {
      on_failure_(status);
    } else {
      // Without the destructors of what other threads still use.
      std::_Exit(kExitCode);
    }
  }

  const std::function<void(const absl::Status&)> on_failure_;
  const Clock& clock_;
  const KeyPair stranger_ = MakeKeyPair();
  ZmqSocket socket_;  // of the thread, once that runs
  StopFlag stop_;
  mutable Mutex mutex_;
  AllowList allowed_ GUARDED_BY(mutex_);
  std::atomic<uint64_t> admitted_ = 0;
  std::atomic<uint64_t> denied_ = 0;
  MonotonicTime logged_{};  // of the thread
  uint64_t not_logged_ = 0;
  std::thread thread_;
};

namespace {

// Asks as libzmq does.
absl::Status SelfTest(WireContext& context, const PublicKey& stranger) {
  auto socket = ZmqSocket::Open(context, ZmqSocket::Type::kRequest);
  if (!socket.ok()) return socket.status();
  socket->Set(ZMQ_LINGER, 0);
  CHECK(zmq_connect(socket->handle(), kAddress) == 0);
  std::array<unsigned char, kKeyBytes> bytes{};
  CHECK(zmq_z85_decode(bytes.data(), stranger.text().c_str()) != nullptr);
  const std::string key(reinterpret_cast<const char*>(bytes.data()),
                        bytes.size());
  const Parts question = {kVersion, "1",     "remuda", "self-test",
                          "",       "CURVE", key};
  Parts answer;
  if (SendAll(*socket, question) == 0) {
    zmq_pollitem_t item = {
        .socket = socket->handle(), .fd = 0, .events = ZMQ_POLLIN};
    if (zmq_poll(&item, 1, kSelfTestMs) == 1) {
      (void)Receive(socket->handle(), answer);
    }
  }
  if (answer.size() < 3 || answer[2] != "400") {
    return absl::InternalError("the handler of keys fails its self-test");
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::unique_ptr<Authenticator>> Authenticator::Start(
    Options options, WireContext& context, const Clock& clock) {
  auto socket = ZmqSocket::Open(context, ZmqSocket::Type::kReply);
  if (!socket.ok()) return socket.status();
  socket->Set(ZMQ_LINGER, 0);
  if (zmq_bind(socket->handle(), kAddress) != 0) {
    return absl::AlreadyExistsError(
        "keys can be checked once in a process, and are already");
  }
  absl::StatusOr<StopFlag> stop = StopFlag::Make();
  if (!stop.ok()) return stop.status();
  std::unique_ptr<Authenticator> self(new Authenticator(std::make_unique<Impl>(
      std::move(options), *std::move(socket), *std::move(stop), clock)));
  self->impl_->Start();
  const absl::Status tested =
      SelfTest(context, self->impl_->stranger().public_key);
  if (!tested.ok()) return tested;
  return self;
}

Authenticator::Authenticator(std::unique_ptr<Impl> impl)
    : impl_(std::move(impl)) {}

Authenticator::~Authenticator() = default;

void Authenticator::SetAllowed(AllowList allowed) {
  impl_->SetAllowed(std::move(allowed));
}

std::shared_ptr<const AllowEntry> Authenticator::Find(
    const PublicKey& key) const {
  return impl_->Find(key);
}

const KeyPair& Authenticator::stranger() const { return impl_->stranger(); }

size_t Authenticator::entries() const { return impl_->entries(); }

Authenticator::Counters Authenticator::counters() const {
  return impl_->counters();
}

}  // namespace remuda
