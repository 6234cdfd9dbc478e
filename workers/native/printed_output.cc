#include "workers/native/printed_output.h"

#include <fcntl.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <utility>

#include "jobs/json_text.h"
#include "workers/native/task_voice.h"

namespace remuda {
namespace {

UniqueFd CopyOf(int fd) { return UniqueFd(fcntl(fd, F_DUPFD_CLOEXEC, 3)); }

std::string Begin(int fd, size_t most) {
  std::string text(most, '\0');
  const ssize_t count = pread(fd, text.data(), most, 0);
  text.resize(count < 0 ? 0 : static_cast<size_t>(count));
  return AsUtf8(text);
}

bool CopyFile(int from, const std::string& path, size_t bytes) {
  const UniqueFd to(
      open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
  if (!to.valid()) return false;
  off_t at = 0;
  while (static_cast<size_t>(at) < bytes) {
    const ssize_t count =
        sendfile(to.get(), from, &at, bytes - static_cast<size_t>(at));
    if (count < 0) return false;
    if (count == 0) break;
  }
  return true;
}

}  // namespace

PrintedOutput::PrintedOutput(std::string log_folder)
    : log_folder_(std::move(log_folder)),
      streams_{{"stdout", STDOUT_FILENO, CopyOf(STDOUT_FILENO)},
               {"stderr", STDERR_FILENO, CopyOf(STDERR_FILENO)}} {
  for (Stream& stream : streams_) {
    struct stat facts {};
    stream.is_file = stream.kept.valid() &&
                     fstat(stream.kept.get(), &facts) == 0 &&
                     S_ISREG(facts.st_mode);
  }
}

void PrintedOutput::Take(uint64_t number,
                         const std::function<void(const std::string&)>& send) {
  std::fflush(nullptr);
  for (Stream& stream : streams_) {
    if (!stream.is_file) continue;
    struct stat facts {};
    struct stat now {};
    if (fstat(stream.kept.get(), &facts) != 0) continue;
    // The task closed or redirected it.
    if (fstat(stream.fd, &now) != 0 || now.st_ino != facts.st_ino) {
      dup2(stream.kept.get(), stream.fd);
    }
    if (facts.st_size <= 0) continue;
    send(Message(number, stream, static_cast<uint64_t>(facts.st_size)));
    if (ftruncate(stream.kept.get(), 0) != 0) stream.is_file = false;
  }
}

std::string PrintedOutput::Message(uint64_t number, const Stream& stream,
                                   uint64_t size) {
  const std::string message =
      "{\"type\":\"log\",\"id\":\"" + std::to_string(number) +
      "\",\"stream\":\"" + stream.name + "\",\"bytes\":" + std::to_string(size);
  const int fd = stream.kept.get();
  if (size <= TaskVoice::kLogInlineBytesMax) {
    return message + ",\"text\":" + JsonString(Begin(fd, size)) + "}";
  }
  const std::string file = "worker-" + std::to_string(getpid()) + "-" +
                           std::to_string(number) + "-" + stream.name;
  const std::string path = log_folder_ + "/" + file;
  if (CopyFile(fd, path, std::min<size_t>(size, TaskVoice::kLogBytesMax))) {
    return message + ",\"file\":" + JsonString(file) + "}";
  }
  unlink(path.c_str());  // the disk is full
  return message + ",\"text\":" +
         JsonString(Begin(fd, TaskVoice::kLogInlineBytesMax) +
                    "\n[... more was not kept ...]\n") +
         "}";
}

}  // namespace remuda
