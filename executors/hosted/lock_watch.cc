#include "executors/hosted/lock_watch.h"

#include <fcntl.h>
#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <string_view>
#include <system_error>

namespace remuda {
namespace {

// Each look, what was seen before weighs so much less: half after a second.
constexpr double kFading = 0.966;
constexpr int kLooksPerSearch = 20;

enum class Doing : uint8_t { kRunning, kLock, kOtherLock, kOutside, kUnknown };

// By which the worker's own thread waits for messages.
constexpr uint64_t kChannelFd = 3;

// "running", or "202 0xADDRESS 0xOPERATION 0xVALUE 0xTIMEOUT ..."; proc(5).
Doing DoingOf(std::string_view text) {
  if (text.starts_with("running")) return Doing::kRunning;
  std::array<uint64_t, 5> numbers{};
  const char* at = text.data();
  for (uint64_t& number : numbers) {
    char* end = nullptr;
    number = std::strtoull(at, &end, 0);
    if (end == at) return Doing::kOutside;  // not in a call, but blocked
    at = end;
  }
  if (numbers[0] == SYS_recvfrom && numbers[1] == kChannelFd) {
    return Doing::kRunning;  // for all that tasks wait for
  }
  if (numbers[0] != SYS_futex) return Doing::kOutside;
  const uint64_t operation = numbers[2] & FUTEX_CMD_MASK;
  const bool has_limit = numbers[4] != 0;
  if (operation == FUTEX_WAIT_BITSET && has_limit) return Doing::kLock;
  return operation == FUTEX_WAIT ? Doing::kLock : Doing::kOtherLock;
}

Doing Read(int fd) {
  std::array<char, 256> bytes;
  const ssize_t count = pread(fd, bytes.data(), bytes.size() - 1, 0);
  if (count <= 0) return Doing::kUnknown;
  bytes[static_cast<size_t>(count)] = '\0';
  return DoingOf({bytes.data(), static_cast<size_t>(count)});
}

}  // namespace

LockWatch::LockWatch(EventLoop& loop, pid_t process)
    : loop_(loop), process_(process) {}

LockWatch::~LockWatch() {
  if (timer_) loop_.CancelTimer(*timer_);
}

void LockWatch::SetRunning(size_t tasks) {
  tasks_ = tasks;
  had_several_ |= tasks > 1;
  if (!timer_) Arm();
}

void LockWatch::Arm() {
  timer_.reset();
  if (tasks_ < 2 || is_blind_) return;
  timer_ = loop_.RunAfter(kLookPause, [this] {
    Look();
    Arm();
  });
}

void LockWatch::Look() {
  if (tasks_ < 2 || is_blind_) return;
  if (--looks_until_search_ <= 0) FindThreads();
  const Seen seen = LookAtAll();
  if (is_blind_) return;
  ++looks_;
  for_lock_ = for_lock_ * kFading + seen.for_lock;
  outside_ = outside_ * kFading + seen.outside;
}

LockWatch::Seen LockWatch::LookAtAll() {
  Seen seen;
  for (auto at = threads_.begin(); at != threads_.end();) {
    const Doing doing = Read(at->second.get());
    seen.for_lock += doing == Doing::kLock ? 1 : 0;
    seen.outside += doing == Doing::kOutside ? 1 : 0;
    // It has ended, or may not be looked at.
    at = doing == Doing::kUnknown ? threads_.erase(at) : std::next(at);
  }
  is_blind_ = threads_.empty();
  return seen;
}

// All but the main thread, which runs no tasks.
void LockWatch::FindThreads() {
  looks_until_search_ = kLooksPerSearch;
  const std::string folder = "/proc/" + std::to_string(process_) + "/task";
  std::error_code error;
  for (std::filesystem::directory_iterator at(folder, error), end;
       !error && at != end; at.increment(error)) {
    const std::string name = at->path().filename().string();
    const auto thread =
        static_cast<pid_t>(std::strtol(name.c_str(), nullptr, 10));
    if (thread == process_ || threads_.contains(thread)) continue;
    if (threads_.size() >= kThreadsMax) return;
    UniqueFd file(
        open((folder + "/" + name + "/syscall").c_str(), O_RDONLY | O_CLOEXEC));
    if (file.valid()) threads_.emplace(thread, std::move(file));
  }
}

std::optional<double> LockWatch::share() const {
  if (!had_several_) return 0;
  if (is_blind_ || looks_ < kLooksMin) return std::nullopt;
  const double both = for_lock_ + outside_;
  return both > 0 ? for_lock_ / both : 0;
}

}  // namespace remuda
