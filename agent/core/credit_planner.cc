#include "agent/core/credit_planner.h"

#include <algorithm>

namespace remuda {
namespace {

// Short enough to learn within a job, long enough to average a batch.
constexpr Duration kWindow = std::chrono::milliseconds(10);
// A burst that ends sooner than this says little about the pace.
constexpr Duration kWindowMin = std::chrono::microseconds(100);
constexpr double kNewShare = 0.3;
constexpr uint64_t kBoostMax = 1024;
constexpr uint64_t kBacklogMin = 16;  // once there is any

double Seconds(Duration duration) {
  return std::chrono::duration<double>(duration).count();
}

double Average(double old, double fresh) {
  return old == 0 ? fresh : old + kNewShare * (fresh - old);
}

}  // namespace

CreditPlanner::CreditPlanner(uint64_t slots) : slots_(slots) {}

void CreditPlanner::OnStarted(MonotonicTime now, size_t running) {
  if (running > 0) return;
  window_start_ = now;
  window_ends_ = 0;
  window_wall_ = Duration::zero();
}

void CreditPlanner::OnEnded(MonotonicTime now, size_t count, Duration wall,
                            size_t running) {
  window_ends_ += count;
  window_wall_ += wall;
  const Duration elapsed = now - window_start_;
  if (window_ends_ == 0 || (elapsed < kWindow && running > 0)) return;
  CloseWindow(elapsed);
  window_start_ = now;
}

void CreditPlanner::CloseWindow(Duration elapsed) {
  const double ends = static_cast<double>(window_ends_);
  ends_per_second_ =
      Average(ends_per_second_, ends / Seconds(std::max(elapsed, kWindowMin)));
  wall_seconds_ = Average(wall_seconds_, Seconds(window_wall_) / ends);
  window_ends_ = 0;
  window_wall_ = Duration::zero();
}

void CreditPlanner::OnGranted(size_t waiting, size_t running, uint64_t tasks) {
  const bool dry = waiting == 0 && running < slots_;
  if (dry && held_max_ * 4 >= announced_ * 3 && held_max_ > 0 &&
      ends_per_second_ > 0) {
    if (boost_ < kBoostMax) boost_ *= 2;
    dry_since_fade_ = true;
  }
  if (dry) held_max_ = 0;
  held_max_ = std::max<uint64_t>(held_max_, waiting + running + tasks);
}

void CreditPlanner::Fade() {
  if (!dry_since_fade_ && boost_ > 1) boost_ /= 2;
  dry_since_fade_ = false;
}

uint64_t CreditPlanner::backlog() const {
  if (ends_per_second_ == 0 || wall_seconds_ > Seconds(kHidden)) return 0;
  const double work = ends_per_second_ * Seconds(kHidden);
  const double wanted = std::max(work, static_cast<double>(kBacklogMin)) *
                        static_cast<double>(boost_);
  return wanted >= static_cast<double>(kBacklogMax)
             ? kBacklogMax
             : static_cast<uint64_t>(wanted);
}

}  // namespace remuda
