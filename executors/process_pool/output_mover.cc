#include "executors/process_pool/output_mover.h"

#include <utility>

namespace remuda {

OutputMover::OutputMover(EventLoop& loop) : loop_(loop) {}

OutputMover::~OutputMover() {
  *is_alive_ = false;
  {
    MutexLock lock(mutex_);
    stop_ = true;
    orders_.clear();
  }
  changed_.NotifyAll();
  if (thread_.joinable()) thread_.join();
}

void OutputMover::Collect(std::string folder, OutputRules rules,
                          AttemptId attempt, Answer answer) {
  {
    MutexLock lock(mutex_);
    orders_.push_back({.folder = std::move(folder),
                       .rules = std::move(rules),
                       .attempt = attempt,
                       .answer = std::move(answer)});
  }
  changed_.NotifyAll();
  if (!thread_.joinable()) thread_ = std::thread([this] { Work(); });
}

void OutputMover::Work() {
  for (;;) {
    Order order;
    {
      MutexLock lock(mutex_);
      while (orders_.empty() && !stop_) changed_.Wait(mutex_);
      if (stop_) return;
      order = std::move(orders_.front());
      orders_.pop_front();
    }
    auto files = CollectOutputs(order.folder, order.rules, order.attempt);
    loop_.Post([alive = is_alive_, answer = std::move(order.answer),
                files = std::move(files)] {
      if (*alive) answer(files);
    });
  }
}

}  // namespace remuda
