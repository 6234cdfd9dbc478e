#include "executors/process_pool/work_folders.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <string_view>
#include <system_error>

#include "base/file_descriptor.h"

namespace remuda {
namespace {

// What is left from an agent that was killed is removed when the next one
// starts; names are tried in case something else is there.
constexpr int kNameTriesMax = 1000;

// Where the kernel puts the name in an entry that it gives (getdents64(2)).
constexpr size_t kLengthAt = 16;
constexpr size_t kNameAt = 19;

// Room for the two that every folder has, and then some.
constexpr size_t kEntriesBytes = 1024;

bool IsEmpty(int folder) {
  std::array<char, kEntriesBytes> bytes;
  for (;;) {
    const long count =
        syscall(SYS_getdents64, folder, bytes.data(), bytes.size());
    if (count <= 0) return count == 0;
    for (size_t at = 0; at < static_cast<size_t>(count);) {
      uint16_t length = 0;
      std::memcpy(&length, bytes.data() + at + kLengthAt, sizeof(length));
      const std::string_view name(bytes.data() + at + kNameAt);
      if (name != "." && name != "..") return false;
      at += length;
    }
  }
}

// As it was made: a command may have changed what a folder is without putting
// anything into it. With labels of security modules it never is.
bool IsAsNew(const std::string& path) {
  const UniqueFd folder(
      open(path.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  struct stat is {};
  return folder.valid() && fstat(folder.get(), &is) == 0 &&
         (is.st_mode & 07777) == 0700 && is.st_uid == geteuid() &&
         flistxattr(folder.get(), nullptr, 0) <= 0 && IsEmpty(folder.get());
}

}  // namespace

WorkFolders::~WorkFolders() {
  for (const std::string& folder : spares_) rmdir(folder.c_str());
}

absl::StatusOr<std::string> WorkFolders::Take() {
  if (!spares_.empty()) {
    std::string folder = std::move(spares_.back());
    spares_.pop_back();
    return folder;
  }
  for (int tries = 0;; ++tries) {
    std::string folder = root_ + "/command-" + std::to_string(++made_);
    if (mkdir(folder.c_str(), 0700) == 0) return folder;
    if (errno == EEXIST && tries < kNameTriesMax) continue;
    return ErrnoStatus(errno, "make the working folder " + folder);
  }
}

void WorkFolders::Return(std::string folder) {
  if (spares_.size() < kSparesMax && IsAsNew(folder)) {
    spares_.push_back(std::move(folder));
    return;
  }
  if (rmdir(folder.c_str()) == 0) return;
  std::error_code ignored;  // a folder that stays is no fault of the attempt
  std::filesystem::remove_all(folder, ignored);
}

}  // namespace remuda
