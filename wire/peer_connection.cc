#include "wire/peer_connection.h"

#include <poll.h>
#include <sys/socket.h>

#include <cstring>

namespace remuda {
namespace {

// Empty for what is no connected socket.
std::string AddressOf(int fd) {
  sockaddr_storage address = {};
  socklen_t size = sizeof(address);
  if (fd < 0 ||
      getpeername(fd, reinterpret_cast<sockaddr*>(&address), &size) != 0) {
    return "";
  }
  std::string bytes(size, '\0');
  std::memcpy(bytes.data(), &address, size);
  return bytes;
}

}  // namespace

PeerConnection::PeerConnection(int fd) : fd_(fd), address_(AddressOf(fd)) {}

bool PeerConnection::IsTheSame() const {
  return !address_.empty() && AddressOf(fd_) == address_;
}

bool PeerConnection::IsOpen() const {
  if (!IsTheSame()) return false;
  pollfd ended = {.fd = fd_, .events = POLLRDHUP, .revents = 0};
  return poll(&ended, 1, 0) == 0;
}

void PeerConnection::Cut() const {
  if (IsTheSame()) shutdown(fd_, SHUT_RDWR);
}

}  // namespace remuda
