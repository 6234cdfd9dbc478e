#pragma once

#include <cstdint>
#include <string>

#include "absl/status/status.h"

namespace remuda {

// How a request failed before there was a whole answer.
struct HttpFailure {
  int code = 0;          // curl's
  int error_number = 0;  // the system's, of the last connection tried
  std::string url;       // where it was, after redirects
  std::string detail;    // curl's own words
  bool connected = false;
  bool too_large = false;
  bool no_room = false;
  int64_t connect_seconds = 0;
  int64_t silence_seconds = 0;
  int64_t redirects_max = 0;
  uint64_t bytes_max = 0;
};

// In words for a person, naming host and port but no password.
// Errors: InvalidArgument if it can never work, otherwise Unavailable.
absl::Status StatusOf(const HttpFailure& failure);

// "404 Not Found"; the number alone if it has no name.
std::string HttpStatusText(int status);

// True if the URL's host is this machine by name or number.
bool IsLoopback(const std::string& url);

}  // namespace remuda
