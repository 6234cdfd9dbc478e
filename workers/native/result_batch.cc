#include "workers/native/result_batch.h"

#include <utility>

#include "jobs/json_text.h"
#include "workers/protocol/worker_channel.h"

namespace remuda {
namespace {

constexpr char kBegin[] = "{\"type\":\"results\",\"results\":[";

// A message that is as long takes no more; results have limits of their own.
constexpr size_t kMessageBytesMin = size_t{8} << 20;

}  // namespace

void ResultBatch::Add(uint64_t number, HandlerResult result,
                      const Times& times) {
  Append(number, std::move(result), false, times);
}

void ResultBatch::AddReturned(uint64_t number) { Append(number, {}, true, {}); }

// Whether both add up to something that can be shared out by their number: what
// was looked at for one task alone cannot.
bool ResultBatch::AddUp(const Times& one, const Times& other) {
  const bool both = one.run_queue && other.run_queue;
  const bool neither = !one.run_queue && !other.run_queue;
  if (one.loop_wait.has_value() != other.loop_wait.has_value()) return false;
  return neither || (both && one.loop_wait);
}

void ResultBatch::Append(uint64_t number, HandlerResult result,
                         bool is_returned, const Times& times) {
  const Range* last = ranges_.empty() ? nullptr : &ranges_.back();
  if (last == nullptr || last->first + last->count != number ||
      last->is_returned != is_returned || !AddUp(last->times, times) ||
      last->result.ending != result.ending ||
      last->result.output != result.output ||
      last->result.error != result.error) {
    ranges_.push_back({.first = number,
                       .count = 0,
                       .is_returned = is_returned,
                       .result = std::move(result),
                       .times = {}});
    Times& sums = ranges_.back().times;
    if (times.run_queue) sums.run_queue = Duration::zero();
    if (times.loop_wait) sums.loop_wait = Duration::zero();
  }
  Range& range = ranges_.back();
  ++range.count;
  range.times.wall += times.wall;
  range.times.cpu += times.cpu;
  if (times.run_queue) *range.times.run_queue += *times.run_queue;
  if (times.loop_wait) *range.times.loop_wait += *times.loop_wait;
  ++tasks_;
}

const char* ResultBatch::EndingName(const Range& range) {
  if (range.is_returned) return "returned";
  switch (range.result.ending) {
    case Ending::kSucceeded:
      return "succeeded";
    case Ending::kCancelled:
      return "cancelled";
    default:
      return "error";
  }
}

std::string ResultBatch::Take(std::optional<Duration> cpu) {
  if (cpu.has_value() && tasks_ > 0) *cpu /= static_cast<int64_t>(tasks_);
  std::string frames;
  std::string message = kBegin;
  for (const Range& range : ranges_) {
    if (message.size() > kMessageBytesMin) {
      frames += WorkerFrame(message + "]}");
      message = kBegin;
    }
    if (message.back() != '[') message += ',';
    const Duration used = cpu.has_value()
                              ? *cpu * static_cast<int64_t>(range.count)
                              : range.times.cpu;
    message += "{\"id\":\"" + std::to_string(range.first) +
               "\",\"count\":" + std::to_string(range.count) +
               ",\"ending\":\"" + EndingName(range) +
               "\",\"wall_ns\":" + std::to_string(range.times.wall.count()) +
               ",\"cpu_ns\":" + std::to_string(used.count());
    if (range.times.run_queue) {
      message +=
          ",\"run_queue_ns\":" + std::to_string(range.times.run_queue->count());
    }
    if (range.times.loop_wait) {
      message +=
          ",\"loop_wait_ns\":" + std::to_string(range.times.loop_wait->count());
    }
    if (!range.result.output.empty()) {
      message += ",\"output\":" + JsonString(range.result.output);
    }
    if (!range.result.error.empty()) {
      message += ",\"error\":" + JsonString(range.result.error);
    }
    message += '}';
  }
  ranges_.clear();
  tasks_ = 0;
  return frames + WorkerFrame(message + "]}");
}

}  // namespace remuda
