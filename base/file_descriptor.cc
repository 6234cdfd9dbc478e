#include "base/file_descriptor.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <string>
#include <system_error>

#include "base/check.h"

namespace remuda {

void UniqueFd::Reset(int fd) {
  CHECK(fd < 0 || fd != fd_);
  const int old = std::exchange(fd_, fd);
  // After EINTR Linux has closed it all the same.
  if (old >= 0) CHECK(close(old) == 0 || errno != EBADF);
}

absl::StatusOr<FdPair> MakePipe() {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) return ErrnoStatus(errno, "pipe");
  return FdPair{.first = UniqueFd(ends[0]), .second = UniqueFd(ends[1])};
}

absl::StatusOr<FdPair> MakeSocketPair() {
  int ends[2];
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0) {
    return ErrnoStatus(errno, "socketpair");
  }
  return FdPair{.first = UniqueFd(ends[0]), .second = UniqueFd(ends[1])};
}

absl::Status SetCloseOnExec(int fd, bool close_on_exec) {
  const int flags = fcntl(fd, F_GETFD);
  if (flags < 0) return ErrnoStatus(errno, "read flags of a descriptor");
  const int wanted =
      close_on_exec ? (flags | FD_CLOEXEC) : (flags & ~FD_CLOEXEC);
  if (fcntl(fd, F_SETFD, wanted) != 0) {
    return ErrnoStatus(errno, "set flags of a descriptor");
  }
  return absl::OkStatus();
}

absl::Status SetNonBlocking(int fd) {
  const int flags = fcntl(fd, F_GETFL);
  if (flags < 0) return ErrnoStatus(errno, "read flags of a descriptor");
  if (fcntl(fd, F_SETFL, flags | O_NONBLOCK) != 0) {
    return ErrnoStatus(errno, "set flags of a descriptor");
  }
  return absl::OkStatus();
}

absl::Status ErrnoStatus(int error_number, const std::string& what) {
  const std::string text =
      what + ": " + std::generic_category().message(error_number);
  switch (error_number) {
    case EMFILE:
    case ENFILE:
    case ENOMEM:
    case ENOSPC:
    case EDQUOT:
    case EAGAIN:
      return absl::ResourceExhaustedError(text);
    case ENOENT:
      return absl::NotFoundError(text);
    case EACCES:
    case EPERM:
      return absl::PermissionDeniedError(text);
    case EEXIST:
      return absl::AlreadyExistsError(text);
    default:
      return absl::InternalError(text);
  }
}

}  // namespace remuda
