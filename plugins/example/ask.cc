// A whole plugin of the coroutine form: example.ask asks a TCP server of this
// machine for a line. Thousands of its tasks wait side by side on one thread.

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <chrono>
#include <cstdint>
#include <sstream>
#include <stdexcept>
#include <string>
#include <string_view>
#include <system_error>

#include "plugins/handler.h"

namespace {

namespace plugin = remuda::plugin;

constexpr std::chrono::minutes kAnswerMax(5);
constexpr size_t kAnswerBytesMax = size_t{64} << 10;

// The number of the member "port": plugins bring the JSON library they like,
// and this one needs only a number.
uint16_t PortOf(std::string_view parameters) {
  constexpr std::string_view kStart = "\"port\":";
  const size_t start = parameters.find(kStart);
  if (start == std::string_view::npos) throw std::runtime_error("no port");
  uint16_t port = 0;
  std::from_chars(parameters.data() + start + kStart.size(),
                  parameters.data() + parameters.size(), port);
  return port;
}

[[noreturn]] void Throw(const char* what) {
  throw std::system_error(errno, std::generic_category(), what);
}

// A connection, closed whatever happens.
class Socket {
 public:
  Socket()
      : fd_(socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)) {
    if (fd_ < 0) Throw("cannot make a socket");
  }
  ~Socket() { close(fd_); }
  Socket(const Socket&) = delete;
  Socket& operator=(const Socket&) = delete;
  int fd() const { return fd_; }

 private:
  const int fd_;
};

plugin::Task<void> Connect(const Socket& socket, uint16_t port) {
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (connect(socket.fd(), reinterpret_cast<const sockaddr*>(&address),
              sizeof(address)) == 0) {
    co_return;
  }
  if (errno != EINPROGRESS) Throw("cannot connect");
  co_await plugin::Writable(socket.fd());
  socklen_t size = sizeof(errno);
  getsockopt(socket.fd(), SOL_SOCKET, SO_ERROR, &errno, &size);
  if (errno != 0) Throw("cannot connect");
}

// What the server sends until it closes the connection.
plugin::Task<std::string> ReadAll(const Socket& socket) {
  std::string text;
  char bytes[4096];
  while (text.size() < kAnswerBytesMax) {
    if (!co_await plugin::Readable(socket.fd(), kAnswerMax)) {
      throw std::runtime_error("the server does not answer");
    }
    const ssize_t count = recv(socket.fd(), bytes, sizeof(bytes), 0);
    if (count == 0) break;
    if (count > 0) {
      text.append(bytes, static_cast<size_t>(count));
    } else if (errno != EAGAIN && errno != EINTR) {
      Throw("cannot read");
    }
  }
  co_return text;
}

size_t CountWords(const std::string& text) {
  std::istringstream words(text);
  size_t count = 0;
  for (std::string word; words >> word;) ++count;
  return count;
}

class Ask {
 public:
  plugin::Task<std::string> Run(std::string_view parameters,
                                plugin::TaskContext& context) {
    const Socket socket;
    co_await Connect(socket, PortOf(parameters));
    context.Progress(0.5, "connected");
    const std::string answer = co_await ReadAll(socket);
    // What computes does not hold up the others.
    const size_t words =
        co_await plugin::Offload([&] { return CountWords(answer); });
    // One thread runs all, so this needs no lock.
    context.Log(plugin::Level::kInfo, "answer number " +
                                          std::to_string(++answers_) + ": " +
                                          std::to_string(words) + " words");
    co_return "{\"words\":" + std::to_string(words) + "}";
  }

 private:
  size_t answers_ = 0;
};

constexpr remuda_parameter kParameters[] = {
    {"port", "integer", 1, "Of the server, which this machine runs."}};

constexpr remuda_job_type kJobTypes[] = {plugin::JobTypeOf<Ask>(
    {.name = "example.ask",
     .meaning = "Counts the words of what a TCP server says.",
     .workload = "io",
     .parameters = kParameters})};

constexpr remuda_manifest kManifest =
    plugin::ManifestOf("ask", "1.0", kJobTypes);

}  // namespace

extern "C" const remuda_manifest* remuda_plugin() { return &kManifest; }
