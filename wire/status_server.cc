#include "wire/status_server.h"

#include <signal.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http/empty_body.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/string_body.hpp>
#include <boost/beast/http/write.hpp>

#include <string_view>
#include <thread>
#include <utility>

#include "base/check.h"
#include "wire/http_address.h"

namespace remuda {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = beast::http;
using asio::ip::tcp;
using Response = http::response<http::string_body>;

constexpr char kMetricsType[] = "text/plain; version=0.0.4; charset=utf-8";
constexpr char kTextType[] = "text/plain; charset=utf-8";

std::string ToText(const tcp::endpoint& endpoint) {
  const std::string host = endpoint.address().to_string();
  const std::string port = std::to_string(endpoint.port());
  return endpoint.address().is_v6() ? "[" + host + "]:" + port
                                    : host + ":" + port;
}

Response Answer(http::status status, const char* type, std::string body) {
  Response response(status, 11);
  response.set(http::field::content_type, type);
  response.set("X-Content-Type-Options", "nosniff");
  response.set(http::field::cache_control, "no-store");
  response.keep_alive(false);
  response.body() = std::move(body);
  return response;
}

Response AnswerProbe(const std::function<absl::Status()>& probe) {
  const absl::Status status = probe ? probe() : absl::OkStatus();
  if (status.ok()) return Answer(http::status::ok, kTextType, "ok\n");
  return Answer(http::status::service_unavailable, kTextType,
                std::string(status.message()) + "\n");
}

Response AnswerRequest(const http::request<http::empty_body>& request,
                       const StatusServer::Callbacks& callbacks) {
  std::string_view path(request.target().data(), request.target().size());
  path = path.substr(0, path.find('?'));
  const bool known =
      path == "/metrics" || path == "/livez" || path == "/readyz";
  if (!known) {
    return Answer(http::status::not_found, kTextType,
                  "only /metrics, /livez and /readyz are here\n");
  }
  if (request.method() != http::verb::get) {
    Response response = Answer(http::status::method_not_allowed, kTextType,
                               "only GET is allowed\n");
    response.set(http::field::allow, "GET");
    return response;
  }
  if (path == "/livez") return AnswerProbe(callbacks.live);
  if (path == "/readyz") return AnswerProbe(callbacks.ready);
  return Answer(http::status::ok, kMetricsType,
                callbacks.metrics ? callbacks.metrics() : "");
}

// One request and its answer.
//
// Lifetime: shared with the operation that is under way, as is usual here:
// nobody else knows when the last one has ended.
class Connection : public std::enable_shared_from_this<Connection> {
 public:
  Connection(tcp::socket socket, const StatusServer::Callbacks& callbacks,
             std::function<void()> on_end)
      : stream_(std::move(socket)),
        buffer_(StatusServer::kRequestBytesMax),
        callbacks_(callbacks),
        on_end_(std::move(on_end)) {
    parser_.header_limit(StatusServer::kRequestBytesMax);
    parser_.body_limit(0);
  }
  ~Connection() { on_end_(); }

  void Start() {
    stream_.expires_after(StatusServer::kDeadline);
    http::async_read(
        stream_, buffer_, parser_,
        [self = shared_from_this()](beast::error_code error, size_t) {
          self->OnRead(error);
        });
  }

 private:
  void OnRead(beast::error_code error) {
    if (error == http::error::end_of_stream || error == beast::error::timeout) {
      return;
    }
    if (error == http::error::header_limit ||
        error == http::error::buffer_overflow) {
      response_ = Answer(http::status::request_header_fields_too_large,
                         kTextType, "the request is too long\n");
    } else if (error == http::error::body_limit) {
      response_ = Answer(http::status::payload_too_large, kTextType,
                         "a request has no body here\n");
    } else if (error) {
      if (error.category() !=
          http::make_error_code(http::error::bad_method).category()) {
        return;  // the connection broke
      }
      response_ = Answer(http::status::bad_request, kTextType,
                         "not a request of HTTP/1.1\n");
    } else {
      response_ = AnswerRequest(parser_.get(), callbacks_);
    }
    response_.prepare_payload();
    stream_.expires_after(StatusServer::kDeadline);
    http::async_write(stream_, response_,
                      [self = shared_from_this()](beast::error_code, size_t) {
                        beast::error_code ignored;
                        self->stream_.socket().shutdown(
                            tcp::socket::shutdown_send, ignored);
                      });
  }

  beast::tcp_stream stream_;
  beast::flat_buffer buffer_;
  http::request_parser<http::empty_body> parser_;
  Response response_;
  const StatusServer::Callbacks& callbacks_;
  const std::function<void()> on_end_;
};

}  // namespace

class StatusServer::Impl {
 public:
  explicit Impl(Callbacks callbacks)
      : callbacks_(std::move(callbacks)), acceptor_(context_) {}

  ~Impl() {
    asio::post(context_, [this] {
      stopping_ = true;
      beast::error_code ignored;
      acceptor_.close(ignored);
      context_.stop();
    });
    if (thread_.joinable()) thread_.join();
  }

  absl::Status Listen(const std::string& address) {
    const absl::StatusOr<HttpAddress> parsed = ParseHttpAddress(address);
    if (!parsed.ok()) return parsed.status();
    beast::error_code error;
    const tcp::endpoint endpoint(asio::ip::make_address(parsed->host, error),
                                 parsed->port);
    if (!error) acceptor_.open(endpoint.protocol(), error);
    if (!error) {
      acceptor_.set_option(asio::socket_base::reuse_address(true), error);
    }
    if (!error) acceptor_.bind(endpoint, error);
    if (!error)
      acceptor_.listen(asio::socket_base::max_listen_connections, error);
    if (error) {
      const std::string text =
          "cannot serve HTTP on " + address + ": " + error.message();
      if (error == asio::error::address_in_use) {
        return absl::AlreadyExistsError(text);
      }
      return absl::InvalidArgumentError(text);
    }
    address_ = ToText(acceptor_.local_endpoint(error));
    return absl::OkStatus();
  }

  void StartThread() {
    Accept();
    // Signals are for the threads that wait for them.
    sigset_t all;
    sigset_t before;
    sigfillset(&all);
    CHECK(pthread_sigmask(SIG_SETMASK, &all, &before) == 0);
    thread_ = std::thread([this] { context_.run(); });
    CHECK(pthread_sigmask(SIG_SETMASK, &before, nullptr) == 0);
  }

  const std::string& address() const { return address_; }

 private:
  void Accept() {
    if (accepting_ || stopping_ || connections_ >= kConnectionsMax) return;
    accepting_ = true;
    acceptor_.async_accept([this](beast::error_code error, tcp::socket socket) {
      accepting_ = false;
      if (stopping_) return;
      if (error) {
        AcceptLater();
        return;
      }
      ++connections_;
      std::make_shared<Connection>(std::move(socket), callbacks_, [this] {
        --connections_;
        Accept();
      })->Start();
      Accept();
    });
  }

  // No descriptors, most likely: trying at once would only spin.
  void AcceptLater() {
    retry_.expires_after(std::chrono::milliseconds(100));
    retry_.async_wait([this](beast::error_code error) {
      if (!error) Accept();
    });
  }

  const Callbacks callbacks_;
  std::string address_;
  // Before the context, whose end destroys connections that count here.
  size_t connections_ = 0;
  bool accepting_ = false;
  bool stopping_ = false;
  asio::io_context context_{1};
  tcp::acceptor acceptor_;
  asio::steady_timer retry_{context_};
  std::thread thread_;
};

absl::StatusOr<std::unique_ptr<StatusServer>> StatusServer::Start(
    const std::string& address, Callbacks callbacks) {
  auto impl = std::make_unique<Impl>(std::move(callbacks));
  if (absl::Status status = impl->Listen(address); !status.ok()) {
    return status;
  }
  impl->StartThread();
  return std::unique_ptr<StatusServer>(new StatusServer(std::move(impl)));
}

StatusServer::StatusServer(std::unique_ptr<Impl> impl)
    : impl_(std::move(impl)) {}

StatusServer::~StatusServer() = default;

const std::string& StatusServer::address() const { return impl_->address(); }

}  // namespace remuda
