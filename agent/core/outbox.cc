#include "agent/core/outbox.h"

#include <algorithm>

namespace remuda {

void Outbox::StartAt(uint64_t first) {
  next_ = first;
  acked_up_to_ = sent_up_to_ = sent_max_ = first - 1;
}

uint64_t Outbox::Append(MonotonicTime now, std::vector<FencedRange> settles) {
  ranges_ += settles.size();
  entries_.push_back({.at = now, .settles = std::move(settles)});
  return next_++;
}

std::optional<MonotonicTime> Outbox::unkept_since() const {
  const uint64_t first = std::max(acked_up_to_, kept_up_to_) + 1;
  if (first >= next_) return std::nullopt;
  return entries_[static_cast<size_t>(first - acked_up_to_ - 1)].at;
}

std::optional<uint64_t> Outbox::TakeKeepable(MonotonicTime before) {
  const uint64_t known = std::max(acked_up_to_, kept_up_to_);
  uint64_t last = known;
  while (last + 1 < next_ &&
         entries_[static_cast<size_t>(last - acked_up_to_)].at <= before) {
    ++last;
  }
  if (last == known) return std::nullopt;
  kept_up_to_ = last;
  return last;
}

void Outbox::DropAll() {
  entries_.clear();
  ranges_ = 0;
  acked_up_to_ = sent_up_to_ = next_ - 1;
}

std::vector<FencedRange> Outbox::OnAck(uint64_t up_to) {
  up_to = std::min(up_to, sent_max_);
  std::vector<FencedRange> settled;
  while (acked_up_to_ < up_to) {
    const std::vector<FencedRange>& entry = entries_.front().settles;
    ranges_ -= entry.size();
    settled.insert(settled.end(), entry.begin(), entry.end());
    entries_.pop_front();
    ++acked_up_to_;
  }
  sent_up_to_ = std::max(sent_up_to_, acked_up_to_);
  return settled;
}

std::optional<Outbox::Span> Outbox::TakeSendable() {
  const uint64_t last = std::min(next_ - 1, acked_up_to_ + kWindow);
  if (last <= sent_up_to_) return std::nullopt;
  const Span span = {.first = sent_up_to_ + 1, .last = last};
  sent_up_to_ = last;
  sent_max_ = std::max(sent_max_, last);
  return span;
}

}  // namespace remuda
