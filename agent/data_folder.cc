#include "agent/data_folder.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <filesystem>
#include <limits>
#include <optional>
#include <sstream>
#include <system_error>
#include <utility>

#include "base/digest.h"
#include "base/random.h"

namespace remuda {
namespace {

constexpr char kLockFile[] = "/agent.lock";
constexpr char kWorkLockFile[] = "/work.lock";
constexpr char kNameFile[] = "/agent.instance";
constexpr char kNameFileNew[] = "/agent.instance.new";
constexpr char kFormat[] = "remuda-agent-1";
constexpr size_t kInstanceBytes = 16;
constexpr size_t kNameFileBytesMax = 4096;
constexpr int kLookMilliseconds = 10;

absl::Status MakeFolder(const std::string& path) {
  const std::filesystem::path parent =
      std::filesystem::path(path).lexically_normal().parent_path();
  std::error_code error;
  if (!parent.empty()) std::filesystem::create_directories(parent, error);
  if (error) return ErrnoStatus(error.value(), "cannot make " + path);
  if (mkdir(path.c_str(), 0700) == 0) return absl::OkStatus();
  if (errno == EEXIST && std::filesystem::is_directory(path, error)) {
    return absl::OkStatus();
  }
  return ErrnoStatus(errno, "cannot make the folder " + path);
}

absl::StatusOr<UniqueFd> OpenLock(const std::string& path) {
  UniqueFd file(
      open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!file.valid()) return ErrnoStatus(errno, "cannot open " + path);
  return file;
}

// False if another has it.
absl::StatusOr<bool> TryLock(const UniqueFd& file, const std::string& path) {
  if (flock(file.get(), LOCK_EX | LOCK_NB) == 0) return true;
  if (errno == EWOULDBLOCK) return false;
  return ErrnoStatus(errno, "cannot lock " + path);
}

// What is said of a name, with a checksum behind it.
std::string NameLine(const std::string& instance, uint32_t start,
                     uint64_t inode) {
  std::string line = std::string(kFormat) + " " + instance + " " +
                     std::to_string(start) + " " + std::to_string(inode);
  return line + " " + ShortDigestHex(line) + "\n";
}

struct Name {
  std::string instance;
  uint32_t start = 0;
  uint64_t inode = 0;
};

std::optional<Name> ParseName(const std::string& text) {
  std::istringstream words(text);
  std::string format;
  Name name;
  words >> format >> name.instance >> name.start >> name.inode;
  if (!words || text != NameLine(name.instance, name.start, name.inode)) {
    return std::nullopt;
  }
  return name;
}

// NotFound if there is none.
absl::StatusOr<std::string> ReadText(const std::string& path) {
  const UniqueFd file(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
  if (!file.valid()) return ErrnoStatus(errno, "cannot open " + path);
  std::string text(kNameFileBytesMax, '\0');
  const ssize_t count = read(file.get(), text.data(), text.size());
  if (count < 0) return ErrnoStatus(errno, "cannot read " + path);
  text.resize(static_cast<size_t>(count));
  return text;
}

}  // namespace

absl::StatusOr<std::unique_ptr<DataFolder>> DataFolder::Open(Options options) {
  absl::Status status = MakeFolder(options.path);
  if (!status.ok()) return status;
  std::unique_ptr<DataFolder> folder(new DataFolder(std::move(options)));
  status = folder->Lock();
  if (!status.ok()) return status;
  status = folder->TakeName();
  if (!status.ok()) return status;
  return folder;
}

absl::Status DataFolder::Lock() {
  const std::string path = options_.path + kLockFile;
  absl::StatusOr<UniqueFd> lock = OpenLock(path);
  if (!lock.ok()) return lock.status();
  lock_ = *std::move(lock);
  absl::StatusOr<bool> ours = TryLock(lock_, path);
  if (!ours.ok()) return ours.status();
  if (!*ours) {
    return absl::FailedPreconditionError("another agent uses the folder " +
                                         options_.path);
  }
  struct stat found = {};
  if (fstat(lock_.get(), &found) != 0) {
    return ErrnoStatus(errno, "cannot look at " + path);
  }
  inode_ = found.st_ino;

  const std::string work_path = options_.path + kWorkLockFile;
  absl::StatusOr<UniqueFd> work_lock = OpenLock(work_path);
  if (!work_lock.ok()) return work_lock.status();
  work_lock_ = *std::move(work_lock);
  const SystemClock clock;
  const MonotonicTime deadline = clock.Now() + options_.patience;
  for (;;) {
    ours = TryLock(work_lock_, work_path);
    if (!ours.ok()) return ours.status();
    if (*ours) return absl::OkStatus();
    if (clock.Now() >= deadline) break;
    poll(nullptr, 0, kLookMilliseconds);
  }
  return absl::FailedPreconditionError(
      "processes that an earlier agent started in the folder " + options_.path +
      " have not ended");
}

absl::Status DataFolder::TakeName() {
  instance_ = RandomHex(kInstanceBytes);
  if (!options_.has_successors) return absl::OkStatus();
  const std::string path = options_.path + kNameFile;
  const absl::StatusOr<std::string> text = ReadText(path);
  if (!text.ok() && !absl::IsNotFound(text.status())) return text.status();
  if (text.ok()) {
    const std::optional<Name> name = ParseName(*text);
    if (!name.has_value()) {
      why_new_ = path + " cannot be read";
    } else if (name->inode != inode_) {
      why_new_ = "the folder is a copy of another agent's";
    } else if (name->start < std::numeric_limits<uint32_t>::max()) {
      instance_ = name->instance;
      start_ = name->start + 1;
    }
  }
  return WriteName();
}

absl::Status DataFolder::WriteName() const {
  const std::string path = options_.path + kNameFile;
  const std::string new_path = options_.path + kNameFileNew;
  const std::string line = NameLine(instance_, start_, inode_);
  const UniqueFd file(
      open(new_path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
  if (!file.valid()) return ErrnoStatus(errno, "cannot open " + new_path);
  errno = ENOSPC;  // for a short write
  if (write(file.get(), line.data(), line.size()) !=
          static_cast<ssize_t>(line.size()) ||
      fsync(file.get()) != 0 ||
      std::rename(new_path.c_str(), path.c_str()) != 0) {
    return ErrnoStatus(errno, "cannot write " + path);
  }
  const UniqueFd folder(
      open(options_.path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (folder.valid() && fsync(folder.get()) == 0) return absl::OkStatus();
  return ErrnoStatus(errno, "cannot sync the folder " + options_.path);
}

absl::Status DataFolder::Forget() {
  const std::string path = options_.path + kNameFile;
  if (unlink(path.c_str()) == 0 || errno == ENOENT) return absl::OkStatus();
  return ErrnoStatus(errno, "cannot delete " + path);
}

}  // namespace remuda
