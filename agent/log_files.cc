#include "agent/log_files.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "base/file_descriptor.h"

namespace remuda {
namespace {

constexpr const char* kStreamFiles[] = {"/stdout", "/stderr"};

}  // namespace

LogRead ReadLogFile(const ReadLog& read) {
  LogRead answer = {.attempt = read.attempt,
                    .stream = read.stream,
                    .offset = read.offset,
                    .bytes = {},
                    .is_end = true};
  const std::string path = read.folder + kStreamFiles[read.stream == 2];
  // Not blocking, should somebody have put a pipe there.
  const UniqueFd file(
      open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
  struct stat found = {};
  if (!file.valid() || fstat(file.get(), &found) != 0 ||
      !S_ISREG(found.st_mode)) {
    return answer;
  }
  answer.bytes.resize(read.bytes_max);
  size_t done = 0;
  while (done < read.bytes_max) {
    const ssize_t count =
        pread(file.get(), answer.bytes.data() + done, read.bytes_max - done,
              static_cast<off_t>(read.offset + done));
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) break;
    done += static_cast<size_t>(count);
  }
  answer.bytes.resize(done);
  answer.is_end = done < read.bytes_max;
  return answer;
}

absl::Status DeleteLogFolder(const std::string& folder) {
  for (const char* name : kStreamFiles) {
    const std::string path = folder + name;
    if (unlink(path.c_str()) != 0 && errno != ENOENT) {
      return ErrnoStatus(errno, "cannot delete " + path);
    }
  }
  if (rmdir(folder.c_str()) != 0 && errno != ENOENT) {
    return ErrnoStatus(errno, "cannot delete " + folder);
  }
  return absl::OkStatus();
}

}  // namespace remuda
