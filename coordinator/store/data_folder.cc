#include "coordinator/store/data_folder.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <system_error>
#include <utility>

namespace remuda {
namespace {

// The process that wrote its number into the lock file, for the message.
std::string HolderOf(int fd) {
  char buffer[32];
  const ssize_t count = pread(fd, buffer, sizeof(buffer), 0);
  if (count <= 0) return "another process";
  std::string digits(buffer, static_cast<size_t>(count));
  while (!digits.empty() && digits.back() == '\n') digits.pop_back();
  return "process " + digits;
}

}  // namespace

absl::StatusOr<DataFolder> DataFolder::Open(const std::string& path) {
  std::error_code error;
  std::filesystem::create_directories(path, error);
  if (error) {
    return ErrnoStatus(error.value(), "cannot make the data folder " + path);
  }
  if (chmod(path.c_str(), 0700) != 0) {
    return ErrnoStatus(
        errno, "cannot close the data folder " + path + " to other users");
  }
  const std::string lock_path = path + "/lock";
  UniqueFd lock(
      open(lock_path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!lock.valid()) return ErrnoStatus(errno, "cannot open " + lock_path);
  if (flock(lock.get(), LOCK_EX | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK) {
      return ErrnoStatus(errno, "cannot lock " + lock_path);
    }
    return absl::FailedPreconditionError(
        "the data folder " + path + " is in use by " + HolderOf(lock.get()) +
        "; stop that coordinator or give this one a folder of its own");
  }
  const std::string holder = std::to_string(getpid()) + "\n";
  if (ftruncate(lock.get(), 0) != 0 ||
      pwrite(lock.get(), holder.data(), holder.size(), 0) !=
          static_cast<ssize_t>(holder.size())) {
    return ErrnoStatus(errno, "cannot write " + lock_path);
  }
  return DataFolder(path, std::move(lock));
}

DataFolder::DataFolder(std::string path, UniqueFd lock)
    : path_(std::move(path)), lock_(std::move(lock)) {}

}  // namespace remuda
