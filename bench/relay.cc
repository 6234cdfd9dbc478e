// The four-hop relay of floors.h.

#include <sys/wait.h>
#include <unistd.h>
#include <zmq.h>

#include <algorithm>
#include <array>
#include <csignal>
#include <string>
#include <utility>
#include <vector>

#include "base/file_descriptor.h"
#include "bench/floors.h"

namespace remuda {
namespace {

constexpr int kPatienceMilliseconds = 10'000;
constexpr size_t kUnmeasured = 100;

// One process's end of the relay.
class End {
 public:
  explicit End(int type) : socket_(zmq_socket(context_, type)) {
    const int patience = kPatienceMilliseconds;
    zmq_setsockopt(socket_, ZMQ_RCVTIMEO, &patience, sizeof patience);
    const int linger = 0;
    zmq_setsockopt(socket_, ZMQ_LINGER, &linger, sizeof linger);
  }
  ~End() {
    zmq_close(socket_);
    zmq_ctx_term(context_);
  }
  End(const End&) = delete;
  End& operator=(const End&) = delete;

  void Name(const std::string& name) {
    zmq_setsockopt(socket_, ZMQ_ROUTING_ID, name.data(), name.size());
  }
  std::string Bind() {
    std::array<char, 64> endpoint{};
    size_t size = endpoint.size();
    if (zmq_bind(socket_, "tcp://127.0.0.1:*") != 0 ||
        zmq_getsockopt(socket_, ZMQ_LAST_ENDPOINT, endpoint.data(), &size) !=
            0) {
      return {};
    }
    return endpoint.data();
  }
  bool Connect(const std::string& endpoint) {
    return zmq_connect(socket_, endpoint.c_str()) == 0;
  }
  bool Send(const std::string& bytes, int flags = 0) {
    return zmq_send(socket_, bytes.data(), bytes.size(), flags) >= 0;
  }
  bool Receive(std::string& bytes) {
    std::array<char, 256> buffer;
    const int size = zmq_recv(socket_, buffer.data(), buffer.size(), 0);
    if (size < 0) return false;
    bytes.assign(buffer.data(),
                 std::min<size_t>(buffer.size(), static_cast<size_t>(size)));
    return true;
  }

 private:
  void* const context_ = zmq_ctx_new();
  void* const socket_;
};

// What each process does until nothing comes any more or it is killed.
void Broker(UniqueFd tell) {
  End router(ZMQ_ROUTER);
  const std::string endpoint = router.Bind();
  if (::write(tell.get(), endpoint.data(), endpoint.size()) < 0) return;
  tell.Reset();
  std::string from;
  std::string body;
  while (router.Receive(from) && router.Receive(body)) {
    router.Send(from == "client" ? "worker" : "client", ZMQ_SNDMORE);
    router.Send(body);
  }
}

void Worker(const std::string& endpoint) {
  End dealer(ZMQ_DEALER);
  dealer.Name("worker");
  if (!dealer.Connect(endpoint)) return;
  dealer.Send("here");  // once the client has this, all are connected
  std::string body;
  while (dealer.Receive(body)) dealer.Send(body);
}

absl::StatusOr<Latencies> Client(const std::string& endpoint, size_t count) {
  const SystemClock clock;
  End dealer(ZMQ_DEALER);
  dealer.Name("client");
  std::string body(64, 'x');
  std::vector<Duration> took;
  if (!dealer.Connect(endpoint)) return absl::InternalError("cannot connect");
  for (size_t i = 0; i < count + kUnmeasured; ++i) {
    const MonotonicTime start = clock.Now();
    if (!dealer.Send(body) || !dealer.Receive(body)) {
      return absl::InternalError("the relay does not answer");
    }
    if (i >= kUnmeasured) took.push_back(clock.Now() - start);
  }
  return Latencies::Of(std::move(took));
}

// A child that is killed and waited for.
class Child {
 public:
  template <typename Work>
  explicit Child(const Work& work) : pid_(::fork()) {
    if (pid_ != 0) return;
    work();
    ::_exit(0);
  }
  ~Child() {
    if (pid_ <= 0) return;
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
  }
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;

 private:
  const pid_t pid_;
};

}  // namespace

absl::StatusOr<Latencies> RelayRoundTrips(size_t count) {
  absl::StatusOr<FdPair> pipe = MakePipe();
  if (!pipe.ok()) return pipe.status();
  const Child broker([&] {
    pipe->first.Reset();
    Broker(std::move(pipe->second));
  });
  pipe->second.Reset();
  std::array<char, 64> buffer{};
  const ssize_t size = ::read(pipe->first.get(), buffer.data(), buffer.size());
  if (size <= 0) return absl::InternalError("the relay's broker did not start");
  const std::string endpoint(buffer.data(), static_cast<size_t>(size));
  const Child worker([&] { Worker(endpoint); });
  return Client(endpoint, count);
}

}  // namespace remuda
