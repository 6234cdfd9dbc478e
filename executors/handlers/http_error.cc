#include "executors/handlers/http_error.h"

#include <curl/curl.h>

#include <array>
#include <cerrno>
#include <memory>
#include <system_error>
#include <utility>

namespace remuda {
namespace {

constexpr auto kStatusNames = std::to_array<std::pair<int, const char*>>({
    {301, "Moved Permanently"},
    {302, "Found"},
    {303, "See Other"},
    {304, "Not Modified"},
    {307, "Temporary Redirect"},
    {308, "Permanent Redirect"},
    {400, "Bad Request"},
    {401, "Unauthorized"},
    {402, "Payment Required"},
    {403, "Forbidden"},
    {404, "Not Found"},
    {405, "Method Not Allowed"},
    {406, "Not Acceptable"},
    {407, "Proxy Authentication Required"},
    {408, "Request Timeout"},
    {409, "Conflict"},
    {410, "Gone"},
    {411, "Length Required"},
    {412, "Precondition Failed"},
    {413, "Content Too Large"},
    {414, "URI Too Long"},
    {415, "Unsupported Media Type"},
    {416, "Range Not Satisfiable"},
    {418, "I'm a teapot"},
    {421, "Misdirected Request"},
    {422, "Unprocessable Content"},
    {425, "Too Early"},
    {426, "Upgrade Required"},
    {428, "Precondition Required"},
    {429, "Too Many Requests"},
    {431, "Request Header Fields Too Large"},
    {451, "Unavailable For Legal Reasons"},
    {500, "Internal Server Error"},
    {501, "Not Implemented"},
    {502, "Bad Gateway"},
    {503, "Service Unavailable"},
    {504, "Gateway Timeout"},
    {505, "HTTP Version Not Supported"},
});

struct UrlDeleter {
  void operator()(CURLU* url) const { curl_url_cleanup(url); }
};

// Empty if the URL cannot be read.
std::string Part(const std::string& url, CURLUPart part) {
  const std::unique_ptr<CURLU, UrlDeleter> parsed(curl_url());
  if (curl_url_set(parsed.get(), CURLUPART_URL, url.c_str(),
                   CURLU_NON_SUPPORT_SCHEME) != CURLUE_OK) {
    return "";
  }
  char* text = nullptr;
  if (curl_url_get(parsed.get(), part, &text, CURLU_DEFAULT_PORT) !=
      CURLUE_OK) {
    return "";
  }
  std::string result(text);
  curl_free(text);
  return result;
}

std::string Peer(const std::string& url) {
  const std::string host = Part(url, CURLUPART_HOST);
  return host.empty() ? url : host + ":" + Part(url, CURLUPART_PORT);
}

std::string NotConnected(const HttpFailure& failure) {
  const std::string peer = Peer(failure.url);
  if (failure.error_number == ECONNREFUSED) {
    return "connection refused by " + peer;
  }
  if (failure.error_number == 0) return "cannot connect to " + peer;
  return "cannot connect to " + peer + ": " +
         std::generic_category().message(failure.error_number);
}

std::string TookTooLong(const HttpFailure& failure) {
  if (!failure.connected) {
    return "no connection to " + Peer(failure.url) + " within " +
           std::to_string(failure.connect_seconds) + " s";
  }
  return "no answer from " + Peer(failure.url) + " within " +
         std::to_string(failure.silence_seconds) + " s";
}

std::string InOtherWords(const HttpFailure& failure) {
  const std::string peer = Peer(failure.url);
  const std::string detail =
      failure.detail.empty()
          ? curl_easy_strerror(static_cast<CURLcode>(failure.code))
          : failure.detail;
  switch (failure.code) {
    case CURLE_COULDNT_RESOLVE_HOST:
      return "could not resolve host " + Part(failure.url, CURLUPART_HOST);
    case CURLE_COULDNT_CONNECT:
      return NotConnected(failure);
    case CURLE_OPERATION_TIMEDOUT:
      return TookTooLong(failure);
    case CURLE_TOO_MANY_REDIRECTS:
      return "more than " + std::to_string(failure.redirects_max) +
             " redirects, the last one to " + failure.url;
    case CURLE_GOT_NOTHING:
      return peer + " closed the connection without an answer";
    case CURLE_PARTIAL_FILE:
    case CURLE_RECV_ERROR:
    case CURLE_SEND_ERROR:
      return "the connection to " + peer + " broke: " + detail;
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CONNECT_ERROR:
      return "no secure connection to " + peer + ": " + detail;
    default:
      return "the request to " + peer + " failed: " + detail;
  }
}

}  // namespace

absl::Status StatusOf(const HttpFailure& failure) {
  if (failure.too_large) {
    return absl::UnavailableError("the answer is larger than " +
                                  std::to_string(failure.bytes_max) +
                                  " bytes (`max_bytes`)");
  }
  if (failure.no_room) {
    return absl::UnavailableError(
        "the answers in flight fill this agent's memory for them; run fewer "
        "at once (`concurrency`)");
  }
  switch (failure.code) {
    case CURLE_URL_MALFORMAT:
      return absl::InvalidArgumentError("not a valid URL: " + failure.url);
    case CURLE_UNSUPPORTED_PROTOCOL:
      return absl::InvalidArgumentError(
          "only http:// and https:// can be fetched, not " +
          Part(failure.url, CURLUPART_SCHEME) + "://");
    default:
      return absl::UnavailableError(InOtherWords(failure));
  }
}

std::string HttpStatusText(int status) {
  for (const auto& [number, name] : kStatusNames) {
    if (number == status) return std::to_string(status) + " " + name;
  }
  return std::to_string(status);
}

bool IsLoopback(const std::string& url) {
  const std::string host = Part(url, CURLUPART_HOST);
  return host == "localhost" || host == "[::1]" || host.starts_with("127.");
}

}  // namespace remuda
