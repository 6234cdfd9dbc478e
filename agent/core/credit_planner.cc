#include "agent/core/credit_planner.h"

#include <algorithm>
#include <optional>

namespace remuda {
namespace {

// Short enough to learn within a job, long enough to average a batch.
constexpr Duration kWindow = std::chrono::milliseconds(10);
// A burst that ends sooner than this says little about the pace.
constexpr Duration kWindowMin = std::chrono::microseconds(100);
constexpr double kNewShare = 0.3;
// Of kHidden: from where on tasks count as short that did not so far.
constexpr double kShortAgain = 0.8;
constexpr uint64_t kBoostMax = 1024;
constexpr uint64_t kBacklogMin = 16;  // once there is any

double Seconds(Duration duration) {
  return std::chrono::duration<double>(duration).count();
}

double Average(double old, double fresh) {
  return old == 0 ? fresh : old + kNewShare * (fresh - old);
}

bool GrewMuch(uint64_t from, uint64_t to) { return to > from + from / 4; }

}  // namespace

CreditPlanner::CreditPlanner(uint64_t slots) : slots_(slots) {}

CreditPlanner::Work& CreditPlanner::Use(WorkKey key) {
  Work& work = works_[key];
  work.used = ++uses_;
  if (works_.size() <= kWorksMax) return work;
  auto oldest = works_.end();
  for (auto at = works_.begin(); at != works_.end(); ++at) {
    if (at->second.running > 0 || at->first == key) continue;
    if (oldest == works_.end() || at->second.used < oldest->second.used) {
      oldest = at;
    }
  }
  if (oldest != works_.end()) works_.erase(oldest);
  return work;
}

void CreditPlanner::OnStarted(MonotonicTime now, WorkKey key, uint64_t count) {
  Work& work = Use(key);
  if (work.running == 0) {
    work.window_start = now;
    work.window_ends = 0;
    work.window_wall = Duration::zero();
  }
  work.running += count;
}

void CreditPlanner::OnNotStarted(WorkKey key, uint64_t count) {
  Work& work = Use(key);
  work.running -= std::min(work.running, count);
}

void CreditPlanner::OnEnded(MonotonicTime now, WorkKey key, uint64_t count,
                            Duration wall) {
  Work& work = Use(key);
  work.running -= std::min(work.running, count);
  work.window_ends += count;
  work.window_wall += wall;
  const Duration elapsed = now - work.window_start;
  if (work.window_ends == 0 || (elapsed < kWindow && work.running > 0)) return;
  CloseWindow(work, key, elapsed);
  work.window_start = now;
}

void CreditPlanner::CloseWindow(Work& work, WorkKey key, Duration elapsed) {
  const double ends = static_cast<double>(work.window_ends);
  work.ends_per_second = Average(work.ends_per_second,
                                 ends / Seconds(std::max(elapsed, kWindowMin)));
  work.wall_seconds =
      Average(work.wall_seconds, Seconds(work.window_wall) / ends);
  work.is_short = work.wall_seconds <=
                  Seconds(kHidden) * (work.is_short ? 1.0 : kShortAgain);
  if (work.is_short) last_short_ = key;
  work.window_ends = 0;
  work.window_wall = Duration::zero();
}

void CreditPlanner::OnGranted(size_t waiting, size_t running, uint64_t tasks) {
  const bool dry = waiting == 0 && running < slots_;
  if (dry && held_max_ * 4 >= announced_ * 3 && held_max_ > 0 &&
      BacklogOf(last_short_) > 0) {
    if (boost_ < kBoostMax) boost_ *= 2;
    dry_since_fade_ = true;
  }
  if (dry) held_max_ = 0;
  held_max_ = std::max<uint64_t>(held_max_, waiting + running + tasks);
}

void CreditPlanner::Forget(MonotonicTime now) {
  for (auto& [key, work] : works_) {
    work.is_short = false;
    work.ends_per_second = 0;
    work.wall_seconds = 0;
    work.window_start = now;
    work.window_ends = 0;
    work.window_wall = Duration::zero();
  }
  boost_ = 1;
}

void CreditPlanner::Fade() {
  if (!dry_since_fade_ && boost_ > 1) boost_ /= 2;
  dry_since_fade_ = false;
}

uint64_t CreditPlanner::BacklogOf(const Work& work) const {
  if (!work.is_short) return 0;
  const auto tasks_in = [&work](Duration duration) {
    return std::max(work.ends_per_second * Seconds(duration),
                    static_cast<double>(kBacklogMin));
  };
  const double wanted = std::min(
      tasks_in(kHidden) * static_cast<double>(boost_), tasks_in(kHeldMax));
  return wanted >= static_cast<double>(kBacklogMax)
             ? kBacklogMax
             : static_cast<uint64_t>(wanted);
}

uint64_t CreditPlanner::BacklogOf(WorkKey work) const {
  const auto found = works_.find(work);
  return found == works_.end() ? 0 : BacklogOf(found->second);
}

uint64_t CreditPlanner::tasks(const Waiting& waiting) const {
  uint64_t slow = 0;
  std::optional<uint64_t> least;
  const auto hold = [&](uint64_t backlog, uint64_t count) {
    if (backlog == 0) {
      slow += count;
    } else {
      least = std::min(least.value_or(backlog), backlog);
    }
  };
  for (const auto& [key, count] : waiting) hold(BacklogOf(key), count);
  for (const auto& [key, work] : works_) {
    if (work.running > 0) hold(BacklogOf(work), work.running);
  }
  if (slow >= slots_) return slots_;
  return slots_ + least.value_or(BacklogOf(last_short_));
}

std::vector<Backlog> CreditPlanner::backlogs(ExecutorKind executor) const {
  std::vector<Backlog> all;
  for (const auto& [key, work] : works_) {
    const uint64_t tasks = BacklogOf(work);
    if (tasks == 0 || all.size() == kWorksMax) continue;
    all.push_back({.executor = executor, .work = key, .tasks = tasks});
  }
  return all;
}

bool CreditPlanner::IsNews(uint64_t credit) const {
  if (GrewMuch(announced_, credit)) return true;
  // Of more than it is willing to hold it would have to give back.
  if (announced_ > 0 && (credit == 0 || credit < announced_ / 2)) return true;
  return std::any_of(works_.begin(), works_.end(), [this](const auto& entry) {
    const uint64_t backlog = BacklogOf(entry.second);
    const uint64_t announced = entry.second.announced;
    return GrewMuch(announced, backlog) || backlog < announced / 2;
  });
}

void CreditPlanner::OnAnnounced(uint64_t credit) {
  announced_ = credit;
  for (auto& [key, work] : works_) work.announced = BacklogOf(work);
}

}  // namespace remuda
