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

bool ReaderThread::Ask(Work work, uint64_t bytes) {
  if (waiting_ >= kWaitingMax) return false;
  if (waiting_ > 0 && waiting_bytes_ + bytes > kWaitingBytesMax) return false;
  ++waiting_;
  waiting_bytes_ += bytes;
  loop_.Post([this, bytes, work = std::move(work)] {
    std::function<void()> answer = work(reader_);
    home_.Post([this, bytes, alive = alive_, answer = std::move(answer)] {
      if (!*alive) return;
      --waiting_;
      waiting_bytes_ -= bytes;
      answer();
    });
  });
  return true;
}

}  // namespace remuda
