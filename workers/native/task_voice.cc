#include "workers/native/task_voice.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cmath>
#include <utility>

#include "jobs/json_text.h"

namespace remuda {
namespace {

constexpr std::array<const char*, 4> kLevels = {
    "debug: ", "info: ", "warning: ", "error: "};

bool WriteAll(int fd, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t count = write(fd, bytes.data(), bytes.size());
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return false;
    bytes.remove_prefix(static_cast<size_t>(count));
  }
  return true;
}

}  // namespace

std::string AsUtf8(std::string_view bytes) {
  std::string text;
  for (;;) {
    const size_t valid = ValidUtf8Prefix(bytes);
    text += bytes.substr(0, valid);
    if (valid == bytes.size()) return text;
    text += "\xEF\xBF\xBD";
    bytes.remove_prefix(valid + 1);
  }
}

void TaskVoice::Log(int level, std::string_view text) {
  std::string line = kLevels[static_cast<size_t>(std::clamp(level, 0, 3))];
  line += text;
  if (line.back() != '\n') line += '\n';
  if (options_.is_alone) {
    WriteAll(STDERR_FILENO, line);
    return;
  }
  MutexLock lock(mutex_);
  Keep(line);
}

void TaskVoice::Keep(std::string_view line) {
  const uint64_t before = bytes_;
  bytes_ += line.size();
  if (!file_.valid() && (bytes_ <= kLogInlineBytesMax || file_failed_)) {
    const size_t room =
        kLogInlineBytesMax - std::min<size_t>(kLogInlineBytesMax, kept_.size());
    kept_ += line.substr(0, room);
    return;
  }
  if (!file_.valid()) {
    const std::string path = options_.log_folder + "/" + FileName();
    file_ = UniqueFd(
        open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
    if (!WriteToFile(kept_)) return;
  }
  if (before < kLogBytesMax) {
    WriteToFile(line.substr(0, kLogBytesMax - before));
  }
}

// Where that fails, as when the disk is full, what is kept in memory remains.
bool TaskVoice::WriteToFile(std::string_view bytes) {
  if (file_.valid() && WriteAll(file_.get(), bytes)) return true;
  file_ = UniqueFd();
  file_failed_ = true;
  unlink((options_.log_folder + "/" + FileName()).c_str());
  return false;
}

std::string TaskVoice::FileName() const {
  return "worker-" + std::to_string(getpid()) + "-" + std::to_string(number_) +
         "-stderr";
}

std::string TaskVoice::TakeLog() {
  MutexLock lock(mutex_);
  if (bytes_ == 0) return "";
  std::string message =
      "{\"type\":\"log\",\"id\":\"" + std::to_string(number_) +
      "\",\"stream\":\"stderr\",\"bytes\":" + std::to_string(bytes_);
  std::string text = AsUtf8(kept_);
  kept_.clear();
  if (file_.valid()) {
    file_ = UniqueFd();
    message += ",\"file\":" + JsonString(FileName()) + "}";
  } else {
    if (file_failed_) {
      text += "\n[... more was not kept: its file could not be written ...]\n";
    }
    message += ",\"text\":" + JsonString(text) + "}";
  }
  bytes_ = 0;
  file_failed_ = false;
  return message;
}

void TaskVoice::Progress(double fraction, std::string_view text) {
  if (std::isnan(fraction)) return;
  {
    MutexLock lock(mutex_);
    const MonotonicTime now = SystemClock().Now();
    if (has_told_ && now - told_ < kProgressEvery) return;
    if (!pipe_.AdmitProgress(now)) return;
    has_told_ = true;
    told_ = now;
  }
  pipe_.Send(
      "{\"type\":\"progress\",\"id\":\"" + std::to_string(number_) +
      "\",\"fraction\":" + std::to_string(std::clamp(fraction, 0.0, 1.0)) +
      ",\"text\":" + JsonString(AsUtf8(text)) + "}");
}

}  // namespace remuda
