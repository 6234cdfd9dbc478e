#include "agent/core/results_builder.h"

#include <algorithm>
#include <optional>
#include <span>
#include <tuple>
#include <utility>

namespace remuda {
namespace {

// What a batch and a record without text weigh, generously.
constexpr size_t kBatchBytes = 96;
constexpr size_t kRecordBytes = 24;

size_t WeightOf(const AttemptRecord& record) {
  return kRecordBytes + record.output.size() + record.error.size();
}

bool Continues(const EndingRun& run, const EndingRun& next) {
  return run.tasks.first + run.tasks.count == next.tasks.first &&
         run.fence == next.fence && run.ending == next.ending &&
         run.exit_code == next.exit_code && run.started == next.started;
}

EndingRun RunOf(const AttemptRecord& record) {
  return {.tasks = {record.task, 1},
          .fence = record.fence,
          .ending = record.ending,
          .exit_code = record.exit_code};
}

bool ByTask(const AttemptRecord& a, const AttemptRecord& b) {
  return std::tie(a.task, a.fence) < std::tie(b.task, b.fence);
}

bool RunsByTask(const EndingRun& a, const EndingRun& b) {
  return a.tasks.first < b.tasks.first;
}

}  // namespace

class ResultsBuilder::Packer {
 public:
  void Put(Group group) {
    if (!std::is_sorted(group.records.begin(), group.records.end(), ByTask)) {
      std::stable_sort(group.records.begin(), group.records.end(), ByTask);
    }
    const std::span<const AttemptRecord> records = group.records;
    size_t first = 0;
    while (first < records.size()) {
      const size_t count = Fitting(records.subspan(first));
      PutRecords(group.key, records.subspan(first, count));
      first += count;
    }
    PutNotStarted(group);
  }

  std::vector<Message> Finish() {
    if (!message_.batches.empty()) messages_.push_back(std::move(message_));
    return std::move(messages_);
  }

 private:
  // How many leading records make the next batch: up to the size of a message
  // and to the second record of one task, which no batch may hold. Opens a new
  // message if not even one fits.
  size_t Fitting(std::span<const AttemptRecord> records) {
    size_t weight = bytes_ + kBatchBytes;
    size_t count = 0;
    while (count < records.size()) {
      if (count > 0 && records[count].task == records[count - 1].task) break;
      weight += WeightOf(records[count]);
      if (weight > kMessageBytesMax) {
        if (count > 0 || bytes_ == 0) break;
        NextMessage();
        weight = kBatchBytes + WeightOf(records[count]);
      }
      ++count;
    }
    return std::max<size_t>(count, 1);
  }

  void PutRecords(const Key& key, std::span<const AttemptRecord> records) {
    EndedBatch batch = {.job = key.job, .executor = key.executor};
    for (const AttemptRecord& record : records) {
      const EndingRun run = RunOf(record);
      if (!batch.runs.empty() && Continues(batch.runs.back(), run)) {
        ++batch.runs.back().tasks.count;
      } else {
        batch.runs.push_back(run);
      }
      bytes_ += WeightOf(record);
    }
    batch.records = EncodeAttemptRecords(records);
    PutBatch(std::move(batch));
  }

  void PutNotStarted(Group& group) {
    std::stable_sort(group.not_started.begin(), group.not_started.end(),
                     RunsByTask);
    std::span<const EndingRun> runs = group.not_started;
    while (!runs.empty()) {
      EndedBatch batch = {.job = group.key.job, .executor = group.key.executor};
      TaskIndex end = 0;
      while (!runs.empty() && runs.front().tasks.first >= end) {
        end = runs.front().tasks.first + runs.front().tasks.count;
        if (!batch.runs.empty() && Continues(batch.runs.back(), runs.front())) {
          batch.runs.back().tasks.count += runs.front().tasks.count;
        } else {
          batch.runs.push_back(runs.front());
        }
        runs = runs.subspan(1);
      }
      bytes_ += batch.runs.size() * kRecordBytes;
      PutBatch(std::move(batch));
    }
  }

  void PutBatch(EndedBatch batch) {
    bytes_ += kBatchBytes;
    for (const EndingRun& run : batch.runs) {
      message_.settles.push_back(
          {.job = batch.job, .tasks = run.tasks, .fence = run.fence});
    }
    message_.batches.push_back(std::move(batch));
    if (bytes_ >= kMessageBytesMax) NextMessage();
  }

  void NextMessage() {
    if (!message_.batches.empty()) messages_.push_back(std::move(message_));
    message_ = {};
    bytes_ = 0;
  }

  std::vector<Message> messages_;
  Message message_;
  size_t bytes_ = 0;
};

ResultsBuilder::Group& ResultsBuilder::GroupOf(const Key& key) {
  if (last_ < groups_.size() && groups_[last_].key == key) {
    return groups_[last_];
  }
  const auto [found, added] = places_.emplace(key, groups_.size());
  if (added) {
    groups_.push_back({.key = key});
    bytes_ += kBatchBytes;
  }
  last_ = found->second;
  return groups_[last_];
}

void ResultsBuilder::Add(ExecutorKind executor, JobId job,
                         AttemptRecord record) {
  if (record.output.size() > kOutputBytesMax) {
    record.error = "output of " + std::to_string(record.output.size()) +
                   " bytes is over the limit of 256 KiB; write it to a file "
                   "and return its name";
    record.output.clear();
    if (record.ending == Ending::kSucceeded) record.ending = Ending::kError;
  }
  if (record.error.size() > kErrorBytesMax) {
    size_t end = kErrorBytesMax;
    // Not in the middle of a UTF-8 sequence.
    while (end > 0 && (record.error[end] & 0xC0) == 0x80) --end;
    record.error.resize(end);
    record.error += " [cut]";
  }
  Group& group = GroupOf({job, ChunkOf(record.task), executor});
  bytes_ += WeightOf(record);
  group.records.push_back(std::move(record));
}

void ResultsBuilder::AddNotStarted(ExecutorKind executor,
                                   const FencedRange& tasks, Ending ending) {
  TaskIndex first = tasks.tasks.first;
  uint64_t left = tasks.tasks.count;
  while (left > 0) {
    const uint64_t count =
        std::min(left, kTasksPerChunk - first % kTasksPerChunk);
    Group& group = GroupOf({tasks.job, ChunkOf(first), executor});
    group.not_started.push_back({.tasks = {first, count},
                                 .fence = tasks.fence,
                                 .ending = ending,
                                 .started = false});
    bytes_ += kRecordBytes;
    first += count;
    left -= count;
  }
}

std::vector<ResultsBuilder::Message> ResultsBuilder::Take() {
  Packer packer;
  for (Group& group : groups_) packer.Put(std::move(group));
  groups_.clear();
  places_.clear();
  last_ = 0;
  bytes_ = 0;
  return packer.Finish();
}

}  // namespace remuda
