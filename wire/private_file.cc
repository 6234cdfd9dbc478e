#include "wire/private_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <system_error>
#include <vector>

#include "base/file_descriptor.h"
#include "wire/curve_key.h"

namespace remuda {
namespace {

constexpr mode_t kRights = 07777;

std::string Octal(mode_t mode) {
  std::string text;
  for (mode_t rest = mode & kRights; rest > 0; rest /= 8) {
    text.insert(text.begin(), static_cast<char>('0' + rest % 8));
  }
  return "0" + text;
}

absl::Status Denied(const std::string& path, const std::string& what,
                    const std::string& command) {
  return absl::PermissionDeniedError(path + " " + what + "; run: " + command);
}

std::string FolderOf(const std::string& path) {
  const std::string folder = std::filesystem::path(path).parent_path();
  return folder.empty() ? "." : folder;
}

bool IsGroupOfOurs(gid_t group) {
  if (group == getegid()) return true;
  const int count = getgroups(0, nullptr);
  if (count <= 0) return false;
  std::vector<gid_t> groups(static_cast<size_t>(count));
  const int found = getgroups(count, groups.data());
  for (int i = 0; i < found; ++i) {
    if (groups[static_cast<size_t>(i)] == group) return true;
  }
  return false;
}

// The shape of a mounted Secret: files are links that root made.
bool IsMountedLink(const std::string& path) {
  struct stat link = {};
  struct stat folder = {};
  return lstat(path.c_str(), &link) == 0 && S_ISLNK(link.st_mode) &&
         link.st_uid == 0 && stat(FolderOf(path).c_str(), &folder) == 0 &&
         folder.st_uid == 0;
}

absl::Status CheckSecret(const std::string& path, const struct stat& file) {
  if (file.st_uid == 0 && IsMountedLink(path)) {
    const bool ours = geteuid() == 0 || IsGroupOfOurs(file.st_gid);
    if ((file.st_mode & kRights & ~mode_t{0440}) == 0 && ours) {
      return absl::OkStatus();
    }
    return absl::PermissionDeniedError(
        path + " is mounted with mode " + Octal(file.st_mode) +
        ", so that others can read it; set defaultMode: 0440 and an fsGroup "
        "of this process");
  }
  if (file.st_uid != geteuid()) {
    return Denied(path, "belongs to another user",
                  "chown \"$(id -un)\" " + path);
  }
  if ((file.st_mode & 077) != 0) {
    return Denied(
        path, "has mode " + Octal(file.st_mode) + ", so that others can use it",
        "chmod 600 " + path);
  }
  return absl::OkStatus();
}

// Only we or root can change it.
absl::Status CheckTrusted(const std::string& path, const struct stat& found) {
  if (found.st_uid != geteuid() && found.st_uid != 0) {
    return Denied(path, "belongs to another user",
                  "chown \"$(id -un)\" " + path);
  }
  // In a sticky folder, such as the root of a mounted Secret, nobody can
  // replace the files of others.
  const bool sticky = S_ISDIR(found.st_mode) && (found.st_mode & S_ISVTX) != 0;
  if ((found.st_mode & 022) != 0 && !(sticky && found.st_uid == 0)) {
    return Denied(
        path,
        "has mode " + Octal(found.st_mode) + ", so that others can change it",
        "chmod go-w " + path);
  }
  return absl::OkStatus();
}

// The check looks at the file that was opened, not at what bears its name.
absl::StatusOr<std::string> Read(const std::string& path,
                                 absl::Status (*check)(const std::string&,
                                                       const struct stat&)) {
  const UniqueFd file(
      open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK));
  if (!file.valid()) return ErrnoStatus(errno, "cannot read " + path);
  struct stat found = {};
  if (fstat(file.get(), &found) != 0) {
    return ErrnoStatus(errno, "cannot look at " + path);
  }
  if (!S_ISREG(found.st_mode)) {
    return absl::InvalidArgumentError(path + " is not an ordinary file");
  }
  if (absl::Status checked = check(path, found); !checked.ok()) return checked;
  std::string content(kKeyFileBytesMax + 1, '\0');
  size_t size = 0;
  while (size < content.size()) {
    const ssize_t got =
        read(file.get(), content.data() + size, content.size() - size);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) {
      const int error = errno;
      Wipe(content);
      return ErrnoStatus(error, "cannot read " + path);
    }
    if (got == 0) break;
    size += static_cast<size_t>(got);
  }
  if (size > kKeyFileBytesMax) {
    Wipe(content);
    return absl::InvalidArgumentError(path + " is longer than " +
                                      std::to_string(kKeyFileBytesMax) +
                                      " bytes");
  }
  content.resize(size);
  return content;
}

absl::Status SyncFolder(const std::string& path) {
  const UniqueFd folder(open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!folder.valid() || fsync(folder.get()) != 0) {
    return ErrnoStatus(errno, "cannot write to " + path);
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::string> ReadSecretFile(const std::string& path) {
  return Read(path, CheckSecret);
}

absl::StatusOr<std::string> ReadTrustedFile(const std::string& path) {
  return Read(path, CheckTrusted);
}

absl::Status CheckTrustedFolder(const std::string& path) {
  struct stat found = {};
  if (stat(path.c_str(), &found) != 0) {
    return ErrnoStatus(errno, "cannot use " + path);
  }
  if (!S_ISDIR(found.st_mode)) {
    return absl::InvalidArgumentError(path + " is not a folder");
  }
  return CheckTrusted(path, found);
}

absl::Status CheckSecretFolder(const std::string& path) {
  const absl::Status trusted = CheckTrustedFolder(path);
  if (!trusted.ok()) return trusted;
  struct stat found = {};
  struct stat link = {};
  if (stat(path.c_str(), &found) != 0) {
    return ErrnoStatus(errno, "cannot use " + path);
  }
  const std::string data = path + "/..data";
  const bool mounted = found.st_uid == 0 && lstat(data.c_str(), &link) == 0 &&
                       S_ISLNK(link.st_mode) && link.st_uid == 0;
  // What root prepared for us, as an image does with links into such mounts.
  const bool prepared = found.st_uid == 0 && geteuid() != 0;
  if (!mounted && !prepared && (found.st_mode & 077) != 0) {
    return Denied(path,
                  "has mode " + Octal(found.st_mode) +
                      ", so that others can look into it",
                  "chmod 700 " + path);
  }
  return absl::OkStatus();
}

absl::Status MakeSecretFolder(const std::string& path) {
  if (mkdir(path.c_str(), 0700) != 0 && errno != EEXIST) {
    return ErrnoStatus(errno, "cannot make the folder " + path);
  }
  return CheckSecretFolder(path);
}

absl::Status WriteNewSecretFile(const std::string& path,
                                const std::string& content) {
  const std::filesystem::path target(path);
  // A dot first: whoever lists keys passes over what is half written.
  const std::string part = FolderOf(path) + "/." + target.filename().string() +
                           "." + std::to_string(getpid()) + ".part";
  {
    const UniqueFd file(
        open(part.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW,
             0600));
    if (!file.valid()) return ErrnoStatus(errno, "cannot write " + part);
    const ssize_t written = write(file.get(), content.data(), content.size());
    if (written != static_cast<ssize_t>(content.size()) ||
        fsync(file.get()) != 0) {
      const int error = written < 0 ? errno : ENOSPC;
      unlink(part.c_str());
      return ErrnoStatus(error, "cannot write " + path);
    }
  }
  // Unlike a rename, a link never replaces what is there.
  const int linked = link(part.c_str(), path.c_str());
  const int error = errno;
  unlink(part.c_str());
  if (linked != 0) return ErrnoStatus(error, "cannot write " + path);
  return SyncFolder(FolderOf(path));
}

}  // namespace remuda
