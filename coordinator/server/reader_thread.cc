#include "coordinator/server/reader_thread.h"

#include <utility>

namespace remuda {

ReaderThread::ReaderThread(StoreReader reader, EventLoop& home)
    : reader_(std::move(reader)), home_(home), loop_(home.clock()) {
  thread_ = std::thread([this] { loop_.Run(); });
}

ReaderThread::~ReaderThread() {
  loop_.Stop();
  thread_.join();
  *alive_ = false;
}

bool ReaderThread::Ask(Work work) {
  if (waiting_ >= kWaitingMax) return false;
  ++waiting_;
  loop_.Post([this, work = std::move(work)] {
    std::function<void()> answer = work(reader_);
    home_.Post([this, alive = alive_, answer = std::move(answer)] {
      if (!*alive) return;
      --waiting_;
      answer();
    });
  });
  return true;
}

}  // namespace remuda
