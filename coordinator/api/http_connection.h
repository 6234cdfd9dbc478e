#pragma once

#include <boost/asio/steady_timer.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/serializer.hpp>
#include <boost/beast/http/string_body.hpp>
#include <boost/beast/ssl/ssl_stream.hpp>

#include <array>
#include <memory>
#include <optional>
#include <string>

#include "coordinator/api/api_hub.h"
#include "coordinator/api/job_events.h"

namespace remuda {

// One connection over HTTP/1.1, of plain TCP or of TLS: reads requests within
// limits and deadlines, writes answers, or a stream of events. What they mean
// is for Gate and Exchange.
//
// Thread: confined to the API's.
// Lifetime: shared with the operations that are under way, as is usual here:
// nobody else knows when the last one has ended.
template <typename Stream>
class HttpConnection
    : public ApiConnection,
      public std::enable_shared_from_this<HttpConnection<Stream>> {
 public:
  HttpConnection(Stream stream, ApiHub& hub);
  ~HttpConnection() override;

  void Start();
  void Cut() override;
  void OnTokensChanged() override;

 private:
  using Error = boost::beast::error_code;
  using Parser =
      boost::beast::http::request_parser<boost::beast::http::string_body>;
  using Response =
      boost::beast::http::response<boost::beast::http::string_body>;
  using Serializer =
      boost::beast::http::response_serializer<boost::beast::http::string_body>;

  boost::beast::tcp_stream& Layer() {
    return boost::beast::get_lowest_layer(stream_);
  }
  void Enter(Phase phase);

  // Reading.
  void WaitForRequest();
  void ReadHead();
  void OnHead(Error error);
  RequestHead Head() const;
  bool HasBody() const;
  void TakeBody();
  void AskForBody();
  void ReadBody(Duration patience);
  void OnBody(Error error);
  void AnswerBadRead(Error error);

  // Answering.
  void Dispatch();
  void Respond(Answer answer);
  void OnWritten(Error error);
  void Drain(size_t bytes_left);
  void ReleaseBody();

  // Events.
  void StartStream();
  void OnReply(ClientReply reply);
  void OpenStream();
  void SendEvents(const JobSummaries& jobs);
  void Put(const std::string& text);
  void Flush();
  void OnFlushed(Error error);
  void ListenForEnd(size_t bytes_left);
  void Beat();
  void EndStream();

  Stream stream_;
  ApiHub& hub_;
  boost::beast::flat_buffer buffer_;
  boost::asio::steady_timer timer_;

  std::optional<Parser> parser_;
  Admission admission_;
  uint64_t body_taken_ = 0;
  bool keep_alive_ = false;
  std::unique_ptr<Exchange> exchange_;
  std::optional<Response> response_;
  std::optional<Serializer> serializer_;

  // Of a stream.
  std::unique_ptr<DoorQuestion> watch_;
  bool stream_taken_ = false;
  bool stream_open_ = false;
  bool chunked_ = false;
  bool writing_ = false;
  bool last_put_ = false;
  JobEvents events_;
  std::string unsent_;
  std::string sending_;
  std::optional<JobSummaries> waiting_;  // the latest, while one is sent
  std::array<char, 1'024> ignored_{};
};

using PlainStream = boost::beast::tcp_stream;
using TlsStream = boost::beast::ssl_stream<boost::beast::tcp_stream>;

extern template class HttpConnection<PlainStream>;
extern template class HttpConnection<TlsStream>;

}  // namespace remuda
