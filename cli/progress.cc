#include "cli/progress.h"

#include <algorithm>
#include <cmath>

#include "cli/words.h"

namespace remuda {
namespace {

constexpr Duration kWindow = std::chrono::seconds(10);
constexpr size_t kSamplesMax = 256;
constexpr size_t kBarCells = 24;

uint64_t InState(const JobSummary& summary, TaskState state) {
  return summary.tasks[static_cast<size_t>(state)];
}

uint64_t Percent(uint64_t done, uint64_t total) {
  // Rounded down, so that 100% means that nothing is left.
  return total == 0 ? 100
                    : static_cast<uint64_t>(100.0 * static_cast<double>(done) /
                                            static_cast<double>(total));
}

std::string RateText(double rate) {
  if (rate >= 10) {
    return CountText(static_cast<uint64_t>(std::llround(rate))) + "/s";
  }
  const auto tenths = static_cast<uint64_t>(std::llround(rate * 10));
  return std::to_string(tenths / 10) + "." + std::to_string(tenths % 10) + "/s";
}

}  // namespace

uint64_t BadTasks(const JobSummary& summary) {
  return InState(summary, TaskState::kFailed) +
         InState(summary, TaskState::kTimedOut) +
         InState(summary, TaskState::kLost);
}

uint64_t DoneTasks(const JobSummary& summary) {
  return BadTasks(summary) + InState(summary, TaskState::kSucceeded) +
         InState(summary, TaskState::kCancelled) +
         InState(summary, TaskState::kSkipped);
}

void ProgressMeter::Update(MonotonicTime now, const JobSummary& summary) {
  summary_ = summary;
  done_ = DoneTasks(summary);
  bad_ = BadTasks(summary);
  samples_.push_back({.at = now, .done = done_});
  while (samples_.size() > kSamplesMax ||
         (samples_.size() > 2 && now - samples_[1].at > kWindow)) {
    samples_.pop_front();
  }
}

double ProgressMeter::rate() const {
  if (samples_.size() < 2) return 0;
  const std::chrono::duration<double> span =
      samples_.back().at - samples_.front().at;
  if (span.count() <= 0) return 0;
  return static_cast<double>(samples_.back().done - samples_.front().done) /
         span.count();
}

std::string ProgressMeter::TimeLeft() const {
  const double per_second = rate();
  if (per_second <= 0 || done_ >= summary_.total) return "";
  const std::chrono::duration<double> left(
      static_cast<double>(summary_.total - done_) / per_second);
  if (left > std::chrono::hours(1000)) return "";
  return ElapsedText(std::chrono::duration_cast<Duration>(left)) + " left";
}

std::string ProgressMeter::Bar(size_t width) const {
  const uint64_t percent = Percent(done_, summary_.total);
  const size_t filled = static_cast<size_t>(percent) * kBarCells / 100;
  std::string bar(filled, '=');
  if (filled < kBarCells) bar += '>';
  bar.resize(kBarCells, ' ');
  std::string text = SafeText(summary_.name, 24) + "  [" + bar + "]  " +
                     CountText(done_) + "/" + CountText(summary_.total) + "  " +
                     std::to_string(percent) + "%";
  if (rate() > 0) text += "  " + RateText(rate());
  const std::string left = TimeLeft();
  if (!left.empty()) text += "  " + left;
  if (bad_ > 0) text += "  " + CountText(bad_) + " failed";
  return SafeText(text, std::max<size_t>(width, 20) - 1);
}

std::string ProgressMeter::Line() const {
  std::string text = SafeText(summary_.name, 64) + ": " + CountText(done_) +
                     " of " + CountText(summary_.total) + " tasks (" +
                     std::to_string(Percent(done_, summary_.total)) + "%)";
  if (rate() > 0) text += ", " + RateText(rate());
  const std::string left = TimeLeft();
  if (!left.empty()) text += ", " + left;
  if (bad_ > 0) text += ", " + CountText(bad_) + " failed";
  return text;
}

}  // namespace remuda
