#pragma once

#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace remuda {

// Owns a file descriptor and closes it. What the descriptor refers to, and how
// it is read, is its user's business.
//
// Thread: confined to its owner.
class UniqueFd {
 public:
  UniqueFd() = default;
  explicit UniqueFd(int fd) : fd_(fd) {}
  ~UniqueFd() { Reset(); }
  UniqueFd(UniqueFd&& other) noexcept : fd_(other.Release()) {}
  UniqueFd& operator=(UniqueFd&& other) noexcept {
    Reset(other.Release());
    return *this;
  }

  // -1 if there is none.
  int get() const { return fd_; }
  bool valid() const { return fd_ >= 0; }

  // Gives the descriptor away.
  [[nodiscard]] int Release() { return std::exchange(fd_, -1); }

  // Closes the present one, if any, and owns `fd` instead.
  void Reset(int fd = -1);

 private:
  int fd_ = -1;
};

// Two ends that are joined. Of a pipe, `first` reads and `second` writes.
struct FdPair {
  UniqueFd first;
  UniqueFd second;
};

// Descriptors made here are not inherited by programs that are started.
//
// Errors: ResourceExhausted if this process or the machine has no more
//         descriptors; Internal otherwise.
absl::StatusOr<FdPair> MakePipe();
absl::StatusOr<FdPair> MakeSocketPair();

// Whether programs that are started inherit `fd`.
absl::Status SetCloseOnExec(int fd, bool close_on_exec);

absl::Status SetNonBlocking(int fd);

// An error that names what failed and the system's reason. Of the codes only
// ResourceExhausted, NotFound, PermissionDenied and AlreadyExists are told
// apart, because callers act on them; the rest is Internal.
absl::Status ErrnoStatus(int error_number, const std::string& what);

}  // namespace remuda
