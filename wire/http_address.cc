#include "wire/http_address.h"

#include <arpa/inet.h>
#include <netinet/in.h>

#include <charconv>

namespace remuda {

absl::StatusOr<HttpAddress> ParseHttpAddress(const std::string& text) {
  const auto bad = [&text] {
    return absl::InvalidArgumentError("\"" + text +
                                      "\" is no address; write HOST:PORT, as "
                                      "in 127.0.0.1:9100");
  };
  const size_t colon = text.rfind(':');
  if (colon == std::string::npos) return bad();
  HttpAddress address;
  address.host = text.substr(0, colon);
  const char* const end = text.data() + text.size();
  const auto [stop, error] =
      std::from_chars(text.data() + colon + 1, end, address.port);
  if (colon + 1 == text.size() || error != std::errc() || stop != end) {
    return bad();
  }
  if (address.host == "localhost") address.host = "127.0.0.1";
  if (address.host.starts_with('[') && address.host.ends_with(']')) {
    address.host = address.host.substr(1, address.host.size() - 2);
    in6_addr ip{};
    if (inet_pton(AF_INET6, address.host.c_str(), &ip) != 1) return bad();
    address.is_ipv6 = true;
    address.is_loopback = IN6_IS_ADDR_LOOPBACK(&ip);
    return address;
  }
  in_addr ip{};
  if (inet_pton(AF_INET, address.host.c_str(), &ip) != 1) return bad();
  address.is_loopback = ntohl(ip.s_addr) >> 24 == IN_LOOPBACKNET;
  return address;
}

std::string ToText(const HttpAddress& address) {
  const std::string port = ":" + std::to_string(address.port);
  return address.is_ipv6 ? "[" + address.host + "]" + port
                         : address.host + port;
}

}  // namespace remuda
