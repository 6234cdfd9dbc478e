#include "workers/native/fd_waits.h"

#include <sys/epoll.h>

#include <array>
#include <cerrno>
#include <utility>

#include "base/check.h"
#include "plugins/remuda_plugin.h"

namespace remuda {

FdWaits::FdWaits(EventLoop& loop, std::function<void(LoopTask&)> ready)
    : loop_(loop),
      ready_(std::move(ready)),
      epoll_(epoll_create1(EPOLL_CLOEXEC)) {
  CHECK(epoll_.valid());
  loop_.WatchReadable(epoll_.get(), [this] { OnReady(); });
}

FdWaits::~FdWaits() { loop_.Unwatch(epoll_.get()); }

bool FdWaits::Add(int fd, uint32_t events, LoopTask& task) {
  // It would be ready whenever it is waited for.
  if (fd < 0 || fd == epoll_.get()) return false;
  const auto index = static_cast<size_t>(fd);
  if (index >= entries_.size()) {
    // What the kernel does not know has no place here.
    epoll_event nothing = {};
    if (epoll_ctl(epoll_.get(), EPOLL_CTL_MOD, fd, &nothing) != 0 &&
        errno != ENOENT) {
      return false;
    }
    entries_.resize(index + 1);
  }
  Entry& entry = entries_[index];
  if (entry.waits != nullptr || !Register(fd, events, entry)) return false;
  entry.waits = &task;
  return true;
}

bool FdWaits::Register(int fd, uint32_t events, Entry& entry) {
  epoll_event event = {};
  event.events = EPOLLONESHOT;
  if ((events & REMUDA_READABLE) != 0) event.events |= EPOLLIN | EPOLLRDHUP;
  if ((events & REMUDA_WRITABLE) != 0) event.events |= EPOLLOUT;
  event.data.u64 =
      uint64_t{++entry.generation} << 32 | static_cast<uint32_t>(fd);
  // Who closes a descriptor makes the kernel forget it, and nobody tells us.
  const int first = entry.is_known ? EPOLL_CTL_MOD : EPOLL_CTL_ADD;
  const int second = entry.is_known ? EPOLL_CTL_ADD : EPOLL_CTL_MOD;
  entry.is_known = epoll_ctl(epoll_.get(), first, fd, &event) == 0 ||
                   ((errno == EEXIST || errno == ENOENT) &&
                    epoll_ctl(epoll_.get(), second, fd, &event) == 0);
  return entry.is_known;
}

void FdWaits::Remove(int fd) {
  entries_[static_cast<size_t>(fd)].waits = nullptr;
}

void FdWaits::OnReady() {
  std::array<epoll_event, EventLoop::kDescriptorsPerTurn> ready;
  const int count =
      epoll_wait(epoll_.get(), ready.data(), static_cast<int>(ready.size()), 0);
  for (int i = 0; i < count; ++i) {
    const uint64_t data = ready[static_cast<size_t>(i)].data.u64;
    Entry& entry = entries_[static_cast<uint32_t>(data)];
    if (entry.generation != data >> 32 || entry.waits == nullptr) continue;
    ready_(*std::exchange(entry.waits, nullptr));
  }
}

}  // namespace remuda
