#include "coordinator/server/outbox.h"

#include <utility>

#include "absl/status/status.h"
#include "base/log.h"

namespace remuda {

Outbox::Outbox(RouterSocket& socket, EventLoop& loop, OnGone on_gone)
    : socket_(socket), loop_(loop), on_gone_(std::move(on_gone)) {}

Outbox::~Outbox() {
  *alive_ = false;
  if (retry_scheduled_) loop_.CancelTimer(retry_);
}

void Outbox::Send(Peer peer, std::string frame) {
  const auto slow = queues_.find(peer);
  if (slow == queues_.end()) {
    const absl::Status status = socket_.Send({peer.value}, frame);
    if (status.ok()) return;
    if (absl::IsNotFound(status)) {
      GiveUp(peer);
      return;
    }
    if (!absl::IsUnavailable(status)) {
      Log(LogLevel::kError, "frame_not_sent", "A message was dropped.",
          {{"reason", status.ToString()}});
      GiveUp(peer);
      return;
    }
  }
  Queue& queue = slow == queues_.end() ? queues_[peer] : slow->second;
  queue.bytes += frame.size();
  bytes_ += frame.size();
  queue.frames.push_back(std::move(frame));
  if (queue.frames.size() > kPeerFramesMax || queue.bytes > kPeerBytesMax ||
      bytes_ > kBytesMax) {
    GiveUp(peer);
    return;
  }
  ScheduleRetry();
}

void Outbox::ScheduleRetry() {
  if (retry_scheduled_) return;
  retry_scheduled_ = true;
  retry_ = loop_.RunAfter(kRetryDelay, [this] { Retry(); });
}

void Outbox::Retry() {
  retry_scheduled_ = false;
  for (auto it = queues_.begin(); it != queues_.end();) {
    const auto next = std::next(it);
    if (!Flush(it->first, it->second)) {
      GiveUp(it->first);
    } else if (it->second.frames.empty()) {
      queues_.erase(it);
    }
    it = next;
  }
  if (!queues_.empty()) ScheduleRetry();
}

bool Outbox::Flush(Peer peer, Queue& queue) {
  while (!queue.frames.empty()) {
    const std::string& frame = queue.frames.front();
    const absl::Status status = socket_.Send({peer.value}, frame);
    if (absl::IsUnavailable(status)) return true;
    if (!status.ok()) return false;
    queue.bytes -= frame.size();
    bytes_ -= frame.size();
    queue.frames.pop_front();
  }
  return true;
}

void Outbox::GiveUp(Peer peer) {
  const auto slow = queues_.find(peer);
  if (slow != queues_.end()) {
    bytes_ -= slow->second.bytes;
    queues_.erase(slow);
  }
  loop_.Post([this, alive = alive_, peer] {
    if (*alive) on_gone_(peer);
  });
}

}  // namespace remuda
