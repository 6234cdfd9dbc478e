#include "coordinator/api/api_server.h"

#include <signal.h>

#include <boost/asio/buffer.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/steady_timer.hpp>

#include <atomic>
#include <optional>
#include <string_view>
#include <thread>
#include <utility>

#include "base/check.h"
#include "base/clock.h"
#include "base/log.h"
#include "coordinator/api/http_connection.h"
#include "coordinator/api/tokens.h"
#include "wire/http_address.h"

namespace remuda {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
using Error = boost::system::error_code;

// What a client gets for which there is no room at all.
constexpr std::string_view kFull =
    "HTTP/1.1 503 Service Unavailable\r\nRetry-After: 5\r\n"
    "Content-Length: 0\r\nConnection: close\r\n\r\n";
constexpr Duration kAcceptRetry = std::chrono::milliseconds(100);

// Threads started within it leave signals to those who wait for them.
class SignalsBlocked {
 public:
  SignalsBlocked() {
    sigset_t all;
    sigfillset(&all);
    CHECK(pthread_sigmask(SIG_SETMASK, &all, &before_) == 0);
  }
  ~SignalsBlocked() {
    CHECK(pthread_sigmask(SIG_SETMASK, &before_, nullptr) == 0);
  }
  SignalsBlocked(const SignalsBlocked&) = delete;
  SignalsBlocked& operator=(const SignalsBlocked&) = delete;

 private:
  sigset_t before_{};
};

using Tls = std::shared_ptr<asio::ssl::context>;  // with its connections

absl::StatusOr<Tls> ReadCertificate(const ApiOptions& options) {
  if (options.certificate.empty() && options.certificate_key.empty()) {
    return Tls();
  }
  if (options.certificate.empty() || options.certificate_key.empty()) {
    return absl::InvalidArgumentError(
        "--api-cert and --api-cert-key belong together");
  }
  auto tls =
      std::make_shared<asio::ssl::context>(asio::ssl::context::tls_server);
  Error error;
  tls->set_options(
      asio::ssl::context::default_workarounds | asio::ssl::context::no_sslv2 |
          asio::ssl::context::no_sslv3 | asio::ssl::context::no_tlsv1 |
          asio::ssl::context::no_tlsv1_1,
      error);
  std::string file = options.certificate;
  if (!error) tls->use_certificate_chain_file(file, error);
  if (!error) {
    file = options.certificate_key;
    tls->use_private_key_file(file, asio::ssl::context::pem, error);
  }
  if (error) {
    return absl::InvalidArgumentError("cannot use " + file + ": " +
                                      error.message());
  }
  if (SSL_CTX_check_private_key(tls->native_handle()) != 1) {
    return absl::InvalidArgumentError(
        options.certificate_key + " is not the key of " + options.certificate);
  }
  return tls;
}

// Reads specs on a thread of its own, so that neither the coordinator nor
// other clients wait for a long one.
class SpecReader {
 public:
  explicit SpecReader(size_t waiting_max) : waiting_max_(waiting_max) {
    const SignalsBlocked blocked;
    thread_ = std::thread([this] { context_.run(); });
  }
  ~SpecReader() {
    context_.stop();
    thread_.join();
  }
  SpecReader(const SpecReader&) = delete;
  SpecReader& operator=(const SpecReader&) = delete;

  bool Run(std::function<void()> task) {
    if (waiting_.fetch_add(1) >= waiting_max_) {
      --waiting_;
      return false;
    }
    asio::post(context_, [this, task = std::move(task)] {
      task();
      --waiting_;
    });
    return true;
  }

 private:
  const size_t waiting_max_;
  std::atomic<size_t> waiting_ = 0;
  asio::io_context context_{1};
  asio::executor_work_guard<asio::io_context::executor_type> work_{
      context_.get_executor()};
  std::thread thread_;
};

}  // namespace

class ApiServer::Impl {
 public:
  Impl(const ApiOptions& options, const HttpAddress& address, RequestDoor& door,
       Metrics& metrics)
      : options_(options),
        address_(address),
        mailbox_(std::make_shared<Mailbox>([this](Mailbox::Task task) {
          asio::post(context_, std::move(task));
        })),
        specs_(options.limits.specs_waiting_max),
        hub_(options.limits,
             {.needs_token = !options.tokens.empty(),
              .hosts = HostsOf(address),
              .origins = options.origins},
             {.door = door,
              .mailbox = mailbox_,
              .clock = clock_,
              .offload =
                  [this](std::function<void()> task) {
                    return specs_.Run(std::move(task));
                  }},
             metrics) {}

  ~Impl() {
    asio::post(context_, [this] {
      stopping_ = true;
      Error ignored;
      acceptor_.close(ignored);
      hub_.CutAll();
      context_.stop();
    });
    if (thread_.joinable()) thread_.join();
    mailbox_->Close();
  }

  absl::Status Start() {
    absl::StatusOr<Tls> tls = ReadCertificate(options_);
    if (!tls.ok()) return tls.status();
    tls_ = *std::move(tls);
    if (!options_.tokens.empty()) {
      absl::StatusOr<Tokens::Read> read = Tokens::ReadFolder(options_.tokens);
      if (!read.ok()) return read.status();
      if (!read->problems.empty()) {
        return absl::InvalidArgumentError(read->problems.front());
      }
      hub_.SetTokens(std::move(read->tokens));
    }
    const absl::Status listening = Listen();
    if (!listening.ok()) return listening;
    Accept();
    const SignalsBlocked blocked;
    thread_ = std::thread([this] { context_.run(); });
    return absl::OkStatus();
  }

  const std::string& url() const { return url_; }

  void Reload() {
    absl::StatusOr<Tls> tls = ReadCertificate(options_);
    if (!tls.ok()) LogProblem(std::string(tls.status().message()));
    std::shared_ptr<Tokens> tokens;
    if (!options_.tokens.empty()) {
      absl::StatusOr<Tokens::Read> read = Tokens::ReadFolder(options_.tokens);
      if (read.ok()) {
        for (const std::string& problem : read->problems) LogProblem(problem);
        tokens = std::make_shared<Tokens>(std::move(read->tokens));
      } else {
        LogProblem(std::string(read.status().message()));
      }
    }
    mailbox_->Post([this, tls, tokens] {
      if (tls.ok()) tls_ = *tls;
      if (tokens != nullptr) hub_.SetTokens(std::move(*tokens));
    });
  }

 private:
  static std::vector<std::string> HostsOf(const HttpAddress& address) {
    if (!address.is_loopback) return {};
    const std::string bound =
        address.is_ipv6 ? "[" + address.host + "]" : address.host;
    return {bound, "localhost", "127.0.0.1", "[::1]"};
  }

  static void LogProblem(const std::string& problem) {
    Log(LogLevel::kError, "api_reload_failed",
        "What stands here was not taken over.", {{"reason", problem}});
  }

  absl::Status Listen() {
    Error error;
    const tcp::endpoint endpoint(asio::ip::make_address(address_.host, error),
                                 address_.port);
    if (!error) acceptor_.open(endpoint.protocol(), error);
    if (!error) {
      acceptor_.set_option(asio::socket_base::reuse_address(true), error);
    }
    if (!error) acceptor_.bind(endpoint, error);
    if (!error) {
      acceptor_.listen(asio::socket_base::max_listen_connections, error);
    }
    if (error) {
      const std::string text = "cannot serve the API on " + ToText(address_) +
                               ": " + error.message();
      if (error == asio::error::address_in_use) {
        return absl::AlreadyExistsError(text);
      }
      return absl::InvalidArgumentError(text);
    }
    HttpAddress bound = address_;
    bound.port = acceptor_.local_endpoint(error).port();
    url_ = (tls_ == nullptr ? "http://" : "https://") + ToText(bound);
    return absl::OkStatus();
  }

  void Accept() {
    acceptor_.async_accept([this](Error error, tcp::socket socket) {
      if (stopping_) return;
      if (error) return AcceptLater();
      Serve(std::move(socket));
      Accept();
    });
  }

  void Serve(tcp::socket socket) {
    if (!hub_.MakeRoom()) {
      Error ignored;
      if (tls_ == nullptr) {
        socket.non_blocking(true, ignored);
        socket.write_some(asio::buffer(kFull), ignored);
      }
      return;
    }
    Error ignored;
    socket.set_option(tcp::no_delay(true), ignored);
    if (tls_ == nullptr) {
      std::make_shared<HttpConnection<PlainStream>>(
          PlainStream(std::move(socket)), hub_)
          ->Start();
    } else {
      std::make_shared<HttpConnection<TlsStream>>(
          TlsStream(std::move(socket), *tls_), hub_)
          ->Start();
    }
  }

  // No descriptors, most likely: trying at once would only spin.
  void AcceptLater() {
    retry_.expires_after(kAcceptRetry);
    retry_.async_wait([this](Error error) {
      if (!error && !stopping_) Accept();
    });
  }

  const ApiOptions options_;
  const HttpAddress address_;
  const SystemClock clock_;
  std::string url_;
  // Shared with the coordinator's loop, which may hold it for longer.
  const std::shared_ptr<Mailbox> mailbox_;
  SpecReader specs_;
  // Before the context, whose end destroys connections that count here.
  ApiHub hub_;
  Tls tls_;
  bool stopping_ = false;
  asio::io_context context_{1};
  tcp::acceptor acceptor_{context_};
  asio::steady_timer retry_{context_};
  std::thread thread_;
};

absl::StatusOr<std::unique_ptr<ApiServer>> ApiServer::Start(
    const ApiOptions& options, RequestDoor& door, Metrics& metrics) {
  const absl::StatusOr<HttpAddress> address = ParseHttpAddress(options.address);
  if (!address.ok()) return address.status();
  if (!address->is_loopback &&
      (options.tokens.empty() || options.certificate.empty())) {
    return absl::FailedPreconditionError(
        "cannot serve the API on " + options.address +
        ": off this machine it needs tokens and TLS; give --api-tokens, "
        "--api-cert and --api-cert-key, or use 127.0.0.1");
  }
  auto impl = std::make_unique<Impl>(options, *address, door, metrics);
  const absl::Status status = impl->Start();
  if (!status.ok()) return status;
  return std::unique_ptr<ApiServer>(new ApiServer(std::move(impl)));
}

ApiServer::ApiServer(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

ApiServer::~ApiServer() = default;

const std::string& ApiServer::url() const { return impl_->url(); }

void ApiServer::Reload() { impl_->Reload(); }

}  // namespace remuda
