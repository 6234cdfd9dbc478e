#include "agent/core/registration.h"

#include <algorithm>

namespace remuda {
namespace {

// The share of a lease that two clocks may drift apart in it.
constexpr double kClockDrift = 0.01;

}  // namespace

Registration::Registration(Duration kill_grace, double spread, uint32_t start)
    : kill_grace_(kill_grace), spread_(spread), start_(start) {}

void Registration::OnConnected(MonotonicTime now) {
  state_ = State::kConnected;
  hello_at_ = now;
}

void Registration::OnDisconnected() { state_ = State::kDisconnected; }

uint64_t Registration::OnHelloSent(MonotonicTime now) {
  state_ = State::kGreeted;
  hello_sent_ = now;
  unconfirmed_.clear();
  ++hellos_;
  return hello_number();
}

uint64_t Registration::OnHeartbeatSent(MonotonicTime now, Pace pace) {
  if (pace == Pace::kRegular) heartbeat_at_ = now + interval_;
  if (unconfirmed_.size() == kHeartbeatsKept) unconfirmed_.pop_front();
  unconfirmed_.push_back({.sequence = ++sequence_, .at = now, .pace = pace});
  return sequence_;
}

bool Registration::Awaits(const Welcome& welcome) const {
  return state_ == State::kGreeted &&
         (welcome.hello == 0 || welcome.hello == hello_number());
}

void Registration::OnWelcome(MonotonicTime now, const Welcome& welcome) {
  state_ = State::kRegistered;
  backoff_ = kBackoffFirst;
  lease_ = std::max(welcome.lease, Duration::zero());
  interval_ = std::max(welcome.heartbeat_interval, kIntervalMin);
  fence_time_.reset();
  Renew(hello_sent_);
  heartbeat_at_ = now;
  heard_at_ = now;
}

void Registration::SayHelloAgain(MonotonicTime now, bool at_once) {
  if (state_ == State::kDisconnected) return;
  state_ = State::kConnected;
  hello_at_ = now;
  if (at_once) {
    if (hurried_at_.has_value()) {
      hello_at_ = std::max(now, *hurried_at_ + kHelloPause);
    }
    hurried_at_ = hello_at_;
    return;
  }
  const double share = 0.75 + 0.5 * spread_;
  hello_at_ += std::chrono::duration_cast<Duration>(backoff_ * share);
  backoff_ = std::min(backoff_ * 2, kBackoffMax);
}

std::optional<Duration> Registration::OnHeartbeatAck(MonotonicTime now,
                                                     uint64_t sequence) {
  heard_at_ = now;
  std::optional<Duration> round_trip;
  while (!unconfirmed_.empty() && unconfirmed_.front().sequence <= sequence) {
    const Sent& sent = unconfirmed_.front();
    if (sent.sequence == sequence) {
      round_trip = now - sent.at;
      Renew(sent.at);
    }
    unconfirmed_.pop_front();
  }
  return round_trip;
}

void Registration::Renew(MonotonicTime sent) {
  const auto safe =
      std::chrono::duration_cast<Duration>(lease_ * (1.0 - kClockDrift));
  const MonotonicTime until = sent + safe - kill_grace_;
  fence_time_ = fence_time_.has_value() ? std::max(*fence_time_, until) : until;
}

bool Registration::HelloDue(MonotonicTime now) const {
  switch (state_) {
    case State::kConnected:
      return now >= hello_at_;
    case State::kGreeted:
      return now - hello_sent_ >= kHelloPatience;
    case State::kDisconnected:
    case State::kRegistered:
      return false;
  }
  return false;
}

bool Registration::HeartbeatDue(MonotonicTime now) const {
  return registered() && now >= heartbeat_at_;
}

bool Registration::IsSilent(MonotonicTime now) const {
  if (!registered() || now - heard_at_ <= interval_ * kSilentIntervals) {
    return false;
  }
  // A process that stood still has not asked so often.
  return std::count_if(unconfirmed_.begin(), unconfirmed_.end(),
                       [](const Sent& sent) {
                         return sent.pace == Pace::kRegular;
                       }) >= kSilentIntervals - 1;
}

std::optional<MonotonicTime> Registration::next_time() const {
  std::optional<MonotonicTime> next = fence_time_;
  const auto sooner = [&next](MonotonicTime time) {
    next = next.has_value() ? std::min(*next, time) : time;
  };
  switch (state_) {
    case State::kConnected:
      sooner(hello_at_);
      break;
    case State::kGreeted:
      sooner(hello_sent_ + kHelloPatience);
      break;
    case State::kRegistered:
      sooner(heartbeat_at_);
      break;
    case State::kDisconnected:
      break;
  }
  return next;
}

}  // namespace remuda
