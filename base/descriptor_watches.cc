#include "base/descriptor_watches.h"

#include <sys/epoll.h>
#include <time.h>

#include <array>
#include <cerrno>
#include <utility>

#include "base/check.h"

namespace remuda {
namespace {

// The most that one system call brings.
constexpr size_t kEventsMax = 256;

// A broken descriptor counts as ready on both sides, so that whoever watches
// it finds out by reading or writing.
constexpr uint32_t kReadableEvents = EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR;
constexpr uint32_t kWritableEvents = EPOLLOUT | EPOLLHUP | EPOLLERR;

}  // namespace

struct DescriptorWatches::Entry {
  std::unique_ptr<Task>& task(Side side) {
    return side == Side::kReadable ? readable : writable;
  }

  uint32_t generation = 0;
  uint32_t registered = 0;  // the events that the kernel knows of
  std::unique_ptr<Task> readable;
  std::unique_ptr<Task> writable;
};

DescriptorWatches::DescriptorWatches() : epoll_(epoll_create1(EPOLL_CLOEXEC)) {
  CHECK(epoll_.valid());
}

DescriptorWatches::~DescriptorWatches() = default;

void DescriptorWatches::Watch(int fd, Side side, Task task) {
  CHECK(fd >= 0 && task != nullptr);
  Entry& entry = entries_[fd];
  if (entry.generation == 0) entry.generation = ++last_generation_;
  std::unique_ptr<Task>& place = entry.task(side);
  if (place != nullptr) removed_.push_back(std::move(place));
  place = std::make_unique<Task>(std::move(task));
  Update(fd, entry);
}

void DescriptorWatches::Unwatch(int fd, Side side) {
  const auto found = entries_.find(fd);
  if (found == entries_.end()) return;
  std::unique_ptr<Task>& place = found->second.task(side);
  if (place == nullptr) return;
  removed_.push_back(std::move(place));
  Update(fd, found->second);
  if (found->second.registered == 0) entries_.erase(found);
}

void DescriptorWatches::Update(int fd, Entry& entry) {
  uint32_t wanted = 0;
  if (entry.readable != nullptr) wanted |= EPOLLIN;
  if (entry.writable != nullptr) wanted |= EPOLLOUT;
  if (wanted == entry.registered) return;
  int operation = EPOLL_CTL_MOD;
  if (entry.registered == 0) operation = EPOLL_CTL_ADD;
  if (wanted == 0) operation = EPOLL_CTL_DEL;
  epoll_event event = {.events = wanted, .data = {}};
  event.data.u64 = uint64_t{entry.generation} << 32 | static_cast<uint32_t>(fd);
  CHECK(epoll_ctl(epoll_.get(), operation, fd, &event) == 0);
  entry.registered = wanted;
}

void DescriptorWatches::Wait(Duration longest, size_t count_max,
                             std::vector<Ready>& ready) {
  std::array<epoll_event, kEventsMax> events;
  CHECK(count_max <= kEventsMax);
  int count = -1;
  if (has_nanoseconds_) {
    const auto seconds =
        std::chrono::duration_cast<std::chrono::seconds>(longest);
    const timespec time = {.tv_sec = seconds.count(),
                           .tv_nsec = (longest - seconds).count()};
    count = epoll_pwait2(epoll_.get(), events.data(),
                         static_cast<int>(count_max), &time, nullptr);
    if (count < 0 && (errno == ENOSYS || errno == EPERM)) {
      has_nanoseconds_ = false;
    }
  }
  if (!has_nanoseconds_) {
    const auto rounded =
        std::chrono::ceil<std::chrono::milliseconds>(longest).count();
    count = epoll_wait(epoll_.get(), events.data(), static_cast<int>(count_max),
                       static_cast<int>(rounded));
  }
  CHECK(count >= 0 || errno == EINTR);
  for (int i = 0; i < count; ++i) {
    const epoll_event& event = events[static_cast<size_t>(i)];
    ready.push_back(
        {.fd = static_cast<int>(static_cast<uint32_t>(event.data.u64)),
         .generation = static_cast<uint32_t>(event.data.u64 >> 32),
         .events = event.events});
  }
}

void DescriptorWatches::Run(const Ready& ready) {
  for (const Side side : {Side::kReadable, Side::kWritable}) {
    // Looked up each time, as the first task may remove the second.
    const auto found = entries_.find(ready.fd);
    if (found == entries_.end()) return;
    Entry& entry = found->second;
    if (entry.generation != ready.generation) return;
    const uint32_t events =
        side == Side::kReadable ? kReadableEvents : kWritableEvents;
    const std::unique_ptr<Task>& task = entry.task(side);
    if ((ready.events & events) == 0 || task == nullptr) continue;
    // Through a pointer of our own: the entry may go while the task runs, the
    // task itself stays until ForgetRemoved().
    const Task& run = *task;
    run();
  }
}

}  // namespace remuda
