#include "base/signals.h"

#include <signal.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

#include "base/check.h"

namespace remuda {

SignalSet::SignalSet(const std::vector<int>& signals) {
  sigset_t set;
  CHECK(sigemptyset(&set) == 0);
  for (const int signal : signals) CHECK(sigaddset(&set, signal) == 0);
  CHECK(pthread_sigmask(SIG_BLOCK, &set, nullptr) == 0);
  fd_.Reset(signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK));
  CHECK(fd_.valid());
}

SignalSet::~SignalSet() { Unwatch(); }

void SignalSet::Watch(EventLoop& loop, Handler handler) {
  CHECK(loop_ == nullptr && handler != nullptr);
  loop_ = &loop;
  handler_ = std::move(handler);
  loop.WatchReadable(fd_.get(), [this] { Deliver(); });
}

void SignalSet::Unwatch() {
  if (loop_ == nullptr) return;
  loop_->Unwatch(fd_.get());
  loop_ = nullptr;
}

void SignalSet::Unblock() {
  sigset_t none;
  sigemptyset(&none);
  pthread_sigmask(SIG_SETMASK, &none, nullptr);
}

void SignalSet::Deliver() {
  // One a turn: the handler may end the watch, or this object. The descriptor
  // stays readable while there are more.
  signalfd_siginfo info;
  const ssize_t size = read(fd_.get(), &info, sizeof(info));
  if (size < 0 && (errno == EAGAIN || errno == EINTR)) return;
  CHECK(size == sizeof(info));
  const Handler handler = handler_;
  handler(static_cast<int>(info.ssi_signo));
}

}  // namespace remuda
