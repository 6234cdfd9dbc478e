#include "coordinator/api/http_connection.h"

#include <boost/asio/buffer.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/write.hpp>

#include <algorithm>
#include <type_traits>
#include <utility>

namespace remuda {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = beast::http;

constexpr size_t kReadBytes = 64u << 10;
// What is still read of a request that was answered early, so that the answer
// arrives before the connection is reset.
constexpr size_t kDrainBytesMax = 4u << 20;
constexpr Duration kDrainPatience = std::chrono::seconds(2);
// Clients of a stream have nothing to say.
constexpr size_t kStreamInputMax = 16u << 10;
constexpr char kContinue[] = "HTTP/1.1 100 Continue\r\n\r\n";

std::optional<std::string> One(const http::fields& fields,
                               beast::string_view name) {
  if (fields.count(name) != 1) return std::nullopt;
  const beast::string_view value = fields[name];
  return std::string(value.data(), value.size());
}

std::string Text(beast::string_view text) { return {text.data(), text.size()}; }

std::string Chunk(const std::string& text) {
  constexpr char kDigits[] = "0123456789abcdef";
  std::string size;
  for (size_t rest = text.size(); rest > 0; rest /= 16) {
    size.insert(size.begin(), kDigits[rest % 16]);
  }
  return size + "\r\n" + text + "\r\n";
}

Problem Overloaded(int status, const std::string& detail) {
  return {
      .status = status, .detail = detail, .headers = {{"Retry-After", "5"}}};
}

}  // namespace

template <typename Stream>
HttpConnection<Stream>::HttpConnection(Stream stream, ApiHub& hub)
    : stream_(std::move(stream)),
      hub_(hub),
      buffer_(kReadBytes),
      timer_(Layer().get_executor()) {
  since_ = hub_.NextStep();
  hub_.Add(*this);
}

template <typename Stream>
HttpConnection<Stream>::~HttpConnection() {
  ReleaseBody();
  if (stream_taken_) hub_.GiveStream(admission_.holder.identity);
  hub_.Remove(*this);
}

template <typename Stream>
void HttpConnection<Stream>::Enter(Phase phase) {
  phase_ = phase;
  since_ = hub_.NextStep();
}

template <typename Stream>
void HttpConnection<Stream>::Start() {
  if constexpr (std::is_same_v<Stream, TlsStream>) {
    Layer().expires_after(hub_.limits.read_deadline);
    stream_.async_handshake(asio::ssl::stream_base::server,
                            [self = this->shared_from_this()](Error error) {
                              if (!error) self->WaitForRequest();
                            });
  } else {
    WaitForRequest();
  }
}

template <typename Stream>
void HttpConnection<Stream>::Cut() {
  exchange_.reset();
  watch_.reset();
  timer_.cancel();
  Layer().close();
}

template <typename Stream>
void HttpConnection<Stream>::WaitForRequest() {
  Enter(Phase::kWaiting);
  parser_.reset();
  if (buffer_.size() > 0) return ReadHead();
  Layer().expires_after(hub_.limits.idle_max);
  stream_.async_read_some(
      buffer_.prepare(hub_.limits.header_bytes_max),
      [self = this->shared_from_this()](Error error, size_t bytes) {
        if (error) return;
        self->buffer_.commit(bytes);
        self->ReadHead();
      });
}

template <typename Stream>
void HttpConnection<Stream>::ReadHead() {
  Enter(Phase::kReading);
  admission_ = Admission();
  keep_alive_ = false;
  parser_.emplace();
  parser_->header_limit(static_cast<uint32_t>(hub_.limits.header_bytes_max));
  // What this request may send is known after its head.
  parser_->body_limit(boost::none);
  Layer().expires_after(hub_.limits.read_deadline);
  http::async_read_header(stream_, buffer_, *parser_,
                          [self = this->shared_from_this()](
                              Error error, size_t) { self->OnHead(error); });
}

template <typename Stream>
RequestHead HttpConnection<Stream>::Head() const {
  const auto& request = parser_->get();
  RequestHead head;
  head.method = Text(request.method_string());
  head.target = Text(request.target());
  head.host = One(request, "Host");
  head.origin = One(request, "Origin");
  if (request.count("Origin") > 1) head.origin = "several";
  head.authorization = One(request, "Authorization");
  head.preflight_method = One(request, "Access-Control-Request-Method");
  head.content_type = One(request, "Content-Type").value_or("");
  if (request.count("Idempotency-Key") > 0) {
    head.key = One(request, "Idempotency-Key").value_or("");
  }
  if (const auto length = parser_->content_length()) {
    head.content_length = *length;
  }
  return head;
}

template <typename Stream>
bool HttpConnection<Stream>::HasBody() const {
  return parser_->chunked() || parser_->content_length().value_or(0) > 0;
}

template <typename Stream>
void HttpConnection<Stream>::AnswerBadRead(Error error) {
  Problem problem = {.detail = "not a request of HTTP/1.1"};
  if (error == http::error::header_limit ||
      error == http::error::buffer_overflow) {
    problem = {.status = 431, .detail = "the head of a request has 8 KiB"};
  } else if (error == http::error::body_limit) {
    problem = {.status = 413, .detail = "the body is too long"};
  } else if (error.category() !=
                 http::make_error_code(http::error::bad_method).category() ||
             error == http::error::end_of_stream ||
             error == http::error::partial_message) {
    return;  // it broke or was too slow
  }
  keep_alive_ = false;
  Respond(AnswerOf(problem));
}

template <typename Stream>
void HttpConnection<Stream>::OnHead(Error error) {
  if (error) return AnswerBadRead(error);
  admission_ = hub_.gate.Admit(Head());
  // Of an answer before the end of the body nothing can be kept.
  keep_alive_ = parser_->keep_alive() && !HasBody();
  if (admission_.answer.has_value()) {
    return Respond(*std::move(admission_.answer));
  }
  Enter(Phase::kAnswering);
  if (admission_.denied || !HasBody()) return Dispatch();
  TakeBody();
}

template <typename Stream>
void HttpConnection<Stream>::TakeBody() {
  const uint64_t bytes =
      parser_->content_length().value_or(admission_.body_bytes_max);
  if (!hub_.TakeBody(bytes)) {
    return Respond(AnswerOf(
        Overloaded(503, "other requests have too much to send; try again")));
  }
  body_taken_ = bytes;
  parser_->body_limit(admission_.body_bytes_max);
  AskForBody();
}

template <typename Stream>
void HttpConnection<Stream>::AskForBody() {
  const Duration patience =
      hub_.limits.read_deadline +
      std::chrono::seconds(static_cast<int64_t>(body_taken_ >> 20));
  if (!beast::iequals(parser_->get()[http::field::expect], "100-continue")) {
    return ReadBody(patience);
  }
  Layer().expires_after(hub_.limits.write_deadline);
  asio::async_write(
      stream_, asio::buffer(kContinue, sizeof(kContinue) - 1),
      [self = this->shared_from_this(), patience](Error error, size_t) {
        if (!error) self->ReadBody(patience);
      });
}

template <typename Stream>
void HttpConnection<Stream>::ReadBody(Duration patience) {
  Layer().expires_after(patience);
  http::async_read(stream_, buffer_, *parser_,
                   [self = this->shared_from_this()](Error error, size_t) {
                     self->OnBody(error);
                   });
}

template <typename Stream>
void HttpConnection<Stream>::OnBody(Error error) {
  if (error) return AnswerBadRead(error);
  keep_alive_ = parser_->keep_alive();
  Dispatch();
}

template <typename Stream>
void HttpConnection<Stream>::ReleaseBody() {
  hub_.GiveBody(std::exchange(body_taken_, 0));
}

template <typename Stream>
void HttpConnection<Stream>::Dispatch() {
  auto& request = parser_->get();
  if (admission_.match.facts->route == Route::kWatchJobs &&
      !admission_.denied) {
    return StartStream();
  }
  // The timer holds the connection while it waits.
  timer_.expires_after(hub_.limits.reply_patience);
  timer_.async_wait([self = this->shared_from_this()](Error error) {
    if (error || self->exchange_ == nullptr) return;
    self->exchange_.reset();
    self->Respond(AnswerOf(
        Overloaded(503, "the coordinator does not answer; try again")));
  });
  exchange_ = std::make_unique<Exchange>(
      hub_.exchanges,
      Exchange::Request{
          .match = admission_.match,
          .identity = admission_.holder.identity,
          .content_type = Text(request[http::field::content_type]),
          .key = One(request, "Idempotency-Key").value_or(""),
          .body = std::move(request.body())},
      [this](Answer answer) {
        const auto self = this->shared_from_this();
        exchange_.reset();
        timer_.cancel();
        Respond(std::move(answer));
      });
}

template <typename Stream>
void HttpConnection<Stream>::Respond(Answer answer) {
  ReleaseBody();
  hub_.Count(admission_.route, answer.status);
  const bool is_head =
      parser_.has_value() && parser_->get().method() == http::verb::head;
  response_.emplace(static_cast<http::status>(answer.status), 11);
  Response& response = *response_;
  response.reason(ReasonOf(answer.status));
  if (!answer.type.empty()) {
    response.set(http::field::content_type, answer.type);
  }
  response.set("X-Content-Type-Options", "nosniff");
  response.set(http::field::cache_control, "no-store");
  for (const auto* headers : {&answer.headers, &admission_.headers}) {
    for (const auto& [name, value] : *headers) response.set(name, value);
  }
  response.keep_alive(keep_alive_);
  if (answer.status != 204) response.content_length(answer.body.size());
  if (!is_head) response.body() = std::move(answer.body);
  serializer_.emplace(response);
  Layer().expires_after(hub_.limits.write_deadline);
  const auto done = [self = this->shared_from_this()](Error error, size_t) {
    self->OnWritten(error);
  };
  if (is_head) {
    http::async_write_header(stream_, *serializer_, done);
  } else {
    http::async_write(stream_, *serializer_, done);
  }
}

template <typename Stream>
void HttpConnection<Stream>::OnWritten(Error error) {
  serializer_.reset();
  response_.reset();
  if (error) return;
  if (keep_alive_) return WaitForRequest();
  Error ignored;
  if constexpr (std::is_same_v<Stream, PlainStream>) {
    Layer().socket().shutdown(asio::ip::tcp::socket::shutdown_send, ignored);
  }
  Enter(Phase::kWaiting);
  Layer().expires_after(kDrainPatience);
  Drain(kDrainBytesMax);
}

template <typename Stream>
void HttpConnection<Stream>::Drain(size_t bytes_left) {
  if (bytes_left == 0) return;
  stream_.async_read_some(
      asio::buffer(ignored_),
      [self = this->shared_from_this(), bytes_left](Error error, size_t bytes) {
        if (!error) self->Drain(bytes_left - std::min(bytes, bytes_left));
      });
}

template <typename Stream>
void HttpConnection<Stream>::StartStream() {
  auto request = RequestOf(admission_.match);
  if (const auto* problem = std::get_if<Problem>(&request)) {
    return Respond(AnswerOf(*problem));
  }
  const Identity& identity = admission_.holder.identity;
  if (!hub_.TakeStream(identity)) {
    return Respond(
        AnswerOf(Overloaded(429, "too many streams of events are open")));
  }
  stream_taken_ = true;
  ReleaseBody();
  timer_.expires_after(hub_.limits.reply_patience);
  timer_.async_wait([self = this->shared_from_this()](Error error) {
    if (error || self->stream_open_ || self->watch_ == nullptr) return;
    self->watch_.reset();
    self->Respond(AnswerOf(
        Overloaded(503, "the coordinator does not answer; try again")));
  });
  watch_ = std::make_unique<DoorQuestion>(
      hub_.exchanges.door, hub_.exchanges.mailbox, identity,
      std::get<ClientRequest>(std::move(request)), [this](ClientReply reply) {
        const auto self = this->shared_from_this();
        OnReply(std::move(reply));
      });
}

template <typename Stream>
void HttpConnection<Stream>::OnReply(ClientReply reply) {
  if (auto* jobs = std::get_if<JobSummaries>(&reply)) {
    if (!stream_open_) OpenStream();
    return SendEvents(*jobs);
  }
  if (stream_open_) return EndStream();
  watch_.reset();
  timer_.cancel();
  stream_taken_ = false;
  hub_.GiveStream(admission_.holder.identity);
  Respond(AnswerOf(admission_.match, admission_.holder.identity, reply,
                   hub_.exchanges.clock.WallNow()));
}

template <typename Stream>
void HttpConnection<Stream>::OpenStream() {
  timer_.cancel();
  if (parser_->get().method() == http::verb::head) {
    keep_alive_ = false;
    watch_.reset();
    return Respond({.type = "text/event-stream"});
  }
  Enter(Phase::kStreaming);
  hub_.Count(admission_.route, 200);
  stream_open_ = true;
  chunked_ = parser_->get().version() >= 11;
  std::string head =
      "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
      "Cache-Control: no-store\r\nX-Content-Type-Options: nosniff\r\n"
      "Connection: close\r\n";
  if (chunked_) head += "Transfer-Encoding: chunked\r\n";
  for (const auto& [name, value] : admission_.headers) {
    head += name + ": " + value + "\r\n";
  }
  unsent_ = head + "\r\n";
  Put("retry: 1000\n\n");
  Layer().expires_never();
  ListenForEnd(kStreamInputMax);
  Beat();
}

template <typename Stream>
void HttpConnection<Stream>::SendEvents(const JobSummaries& jobs) {
  if (!stream_open_) return;
  if (writing_) {
    // A slow reader hears of the latest only.
    waiting_ = jobs;
    return;
  }
  const std::string text =
      events_.Update(jobs.jobs, hub_.exchanges.clock.WallNow());
  if (!text.empty()) Put(text);
  if (events_.ended() && !last_put_) {
    last_put_ = true;
    if (chunked_) unsent_ += "0\r\n\r\n";
  }
  Flush();
}

template <typename Stream>
void HttpConnection<Stream>::Put(const std::string& text) {
  unsent_ += chunked_ ? Chunk(text) : text;
}

template <typename Stream>
void HttpConnection<Stream>::Flush() {
  if (writing_ || unsent_.empty()) return;
  writing_ = true;
  sending_ = std::exchange(unsent_, "");
  // Who does not read within this is cut.
  Layer().expires_after(hub_.limits.write_deadline);
  asio::async_write(stream_, asio::buffer(sending_),
                    [self = this->shared_from_this()](Error error, size_t) {
                      self->OnFlushed(error);
                    });
}

template <typename Stream>
void HttpConnection<Stream>::OnFlushed(Error error) {
  writing_ = false;
  if (error || !stream_open_) return EndStream();
  if (waiting_.has_value()) {
    const JobSummaries jobs = *std::exchange(waiting_, std::nullopt);
    SendEvents(jobs);
  }
  if (last_put_ && unsent_.empty() && !writing_) return EndStream();
  Flush();
}

// Notices at once when the client has gone.
template <typename Stream>
void HttpConnection<Stream>::ListenForEnd(size_t bytes_left) {
  stream_.async_read_some(
      asio::buffer(ignored_),
      [self = this->shared_from_this(), bytes_left](Error error, size_t bytes) {
        if (error || bytes >= bytes_left) return self->EndStream();
        self->ListenForEnd(bytes_left - bytes);
      });
}

template <typename Stream>
void HttpConnection<Stream>::Beat() {
  timer_.expires_after(hub_.limits.heartbeat_interval);
  timer_.async_wait([self = this->shared_from_this()](Error error) {
    if (error || !self->stream_open_) return;
    if (!self->writing_ && !self->last_put_) {
      self->Put(kEventsHeartbeat);
      self->Flush();
    }
    self->Beat();
  });
}

template <typename Stream>
void HttpConnection<Stream>::EndStream() {
  if (!stream_open_) return;
  stream_open_ = false;
  watch_.reset();
  timer_.cancel();
  Error ignored;
  if constexpr (std::is_same_v<Stream, PlainStream>) {
    Layer().socket().shutdown(asio::ip::tcp::socket::shutdown_both, ignored);
  }
  Layer().close();
}

template <typename Stream>
void HttpConnection<Stream>::OnTokensChanged() {
  if (phase_ == Phase::kStreaming &&
      !hub_.gate.StillAdmits(admission_.holder)) {
    EndStream();
  }
}

template class HttpConnection<PlainStream>;
template class HttpConnection<TlsStream>;

}  // namespace remuda
