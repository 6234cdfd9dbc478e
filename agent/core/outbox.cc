#include "agent/core/outbox.h"

#include <algorithm>

namespace remuda {

uint64_t Outbox::Append(std::vector<FencedRange> settles) {
  ranges_ += settles.size();
  entries_.push_back(std::move(settles));
  return next_++;
}

std::vector<FencedRange> Outbox::OnAck(uint64_t up_to) {
  up_to = std::min(up_to, sent_max_);
  std::vector<FencedRange> settled;
  while (acked_up_to_ < up_to) {
    std::vector<FencedRange>& entry = entries_.front();
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
