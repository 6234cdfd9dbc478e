#pragma once

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"

namespace remuda {

// Where a process serves HTTP.
struct HttpAddress {
  std::string host;  // numeric, without brackets
  uint16_t port = 0;
  bool is_ipv6 = false;
  bool is_loopback = false;
};

// HOST:PORT with a numeric host or "localhost"; IPv6 hosts stand in brackets.
// Errors: InvalidArgument says what it should look like.
absl::StatusOr<HttpAddress> ParseHttpAddress(const std::string& text);

// HOST:PORT again.
std::string ToText(const HttpAddress& address);

}  // namespace remuda
