#include "wire/attempt_records.h"

#include <array>
#include <limits>
#include <string_view>
#include <utility>

#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/wire_format_lite.h>

#include "absl/status/status.h"
#include "base/check.h"
#include "wire/attempt_records.pb.h"
#include "wire/columns.h"

namespace remuda {
namespace {

using columns::At;
using columns::Fits;

// Equal texts up to this length are written once; longer ones are not, so that
// a few bytes can never stand for many megabytes.
constexpr size_t kSharedTextMax = 64;

constexpr uint64_t kMax = std::numeric_limits<uint64_t>::max();

uint64_t ZigZag(int64_t value) {
  return (static_cast<uint64_t>(value) << 1) ^
         static_cast<uint64_t>(value >> 63);
}

int64_t UnZigZag(uint64_t value) {
  return static_cast<int64_t>(value >> 1) ^ -static_cast<int64_t>(value & 1);
}

// 0 is unknown; the one value that has no successor becomes its neighbour.
uint64_t Shifted(uint64_t value) { return value == kMax ? kMax : value + 1; }

uint64_t Cell(const std::optional<uint64_t>& value) {
  return value.has_value() ? Shifted(*value) : 0;
}

uint64_t Cell(const std::optional<Duration>& value) {
  return value.has_value() ? Shifted(ZigZag(value->count())) : 0;
}

void FromCell(uint64_t cell, std::optional<uint64_t>& out) {
  if (cell != 0) out = cell - 1;
}

void FromCell(uint64_t cell, std::optional<Duration>& out) {
  if (cell != 0) out = Duration(UnZigZag(cell - 1));
}

using Records = std::span<const AttemptRecord>;

// Fills a column; costs one pass where all values are equal.
template <typename List, typename Get>
void FillColumn(Records records, List& list, Get get) {
  const auto first = get(records.front());
  size_t same = 1;
  while (same < records.size() && get(records[same]) == first) ++same;
  if (same == records.size()) {
    if (first != 0) list.Add(first);
    return;
  }
  list.Reserve(static_cast<int>(records.size()));
  for (size_t i = 0; i < same; ++i) list.AddAlreadyReserved(first);
  for (size_t i = same; i < records.size(); ++i) {
    list.AddAlreadyReserved(get(records[i]));
  }
}

template <typename List>
void FillTaskRuns(Records records, List& list) {
  uint64_t end = 0;
  size_t at = 0;
  while (at < records.size()) {
    const TaskIndex first = records[at].task;
    CHECK(at == 0 || first + 1 >= end);
    size_t next = at + 1;
    while (next < records.size() &&
           records[next].task == records[next - 1].task + 1) {
      ++next;
    }
    list.Add(ZigZag(static_cast<int64_t>(first - end)));
    list.Add(next - at);
    end = first + (next - at);
    at = next;
  }
}

template <typename List>
void FillTexts(Records records, std::string AttemptRecord::*member,
               List& lengths, std::string& texts) {
  const std::string& first = records.front().*member;
  size_t bytes = 0;
  bool same = first.size() <= kSharedTextMax;
  for (const AttemptRecord& record : records) {
    const std::string& text = record.*member;
    same = same && text == first;
    bytes += text.size();
  }
  if (bytes == 0) return;
  if (same) {
    lengths.Add(first.size());
    texts = first;
    return;
  }
  lengths.Reserve(static_cast<int>(records.size()));
  texts.reserve(bytes);
  for (const AttemptRecord& record : records) {
    const std::string& text = record.*member;
    lengths.AddAlreadyReserved(text.size());
    texts += text;
  }
}

template <typename T, typename List>
void FillUsage(Records records, std::optional<T> Usage::*member, List& list) {
  FillColumn(records, list, [member](const AttemptRecord& record) {
    return Cell(record.usage.*member);
  });
}

void FillAllUsage(Records records, pb::AttemptRecords& out) {
  FillUsage(records, &Usage::cpu, *out.mutable_cpu());
  FillUsage(records, &Usage::run_queue_delay, *out.mutable_run_queue_delay());
  FillUsage(records, &Usage::switches_voluntary,
            *out.mutable_switches_voluntary());
  FillUsage(records, &Usage::switches_involuntary,
            *out.mutable_switches_involuntary());
  FillUsage(records, &Usage::memory_max_bytes, *out.mutable_memory_max_bytes());
  FillUsage(records, &Usage::gil_wait, *out.mutable_gil_wait());
  FillUsage(records, &Usage::gil_held, *out.mutable_gil_held());
  FillUsage(records, &Usage::loop_wait, *out.mutable_loop_wait());
  FillUsage(records, &Usage::loop_lag, *out.mutable_loop_lag());
  FillUsage(records, &Usage::bytes_in, *out.mutable_bytes_in());
  FillUsage(records, &Usage::bytes_out, *out.mutable_bytes_out());
}

absl::Status Malformed(const char* what) {
  return absl::InvalidArgumentError(what);
}

using Output = std::vector<AttemptRecord>;

struct TaskRun {
  TaskIndex first = 0;
  uint64_t count = 0;
};

// Their counts add up to that of the records.
absl::StatusOr<std::vector<TaskRun>> RunsOf(const pb::AttemptRecords& in) {
  if (in.task_runs_size() % 2 != 0) return Malformed("half a run of tasks");
  std::vector<TaskRun> runs;
  uint64_t end = 0;
  uint64_t left = in.count();
  for (int i = 0; i < in.task_runs_size(); i += 2) {
    const int64_t gap = UnZigZag(in.task_runs(i));
    const uint64_t count = in.task_runs(i + 1);
    // A gap back is one step at most, and there must be something before it.
    if (gap < -1 || (gap < 0 && end == 0)) return Malformed("tasks not rising");
    const uint64_t first = end + static_cast<uint64_t>(gap);
    const auto range = columns::CheckedRange(first, count);
    if (!range.has_value() || (gap >= 0 && first < end) || count > left) {
      return Malformed("impossible run of tasks");
    }
    runs.push_back({.first = first, .count = count});
    left -= count;
    end = first + count;
  }
  if (left != 0) return Malformed("runs of tasks do not fit");
  return runs;
}

absl::Status ReadTasks(const pb::AttemptRecords& in, Output& out) {
  const absl::StatusOr<std::vector<TaskRun>> runs = RunsOf(in);
  if (!runs.ok()) return runs.status();
  size_t row = 0;
  for (const TaskRun& run : *runs) {
    for (uint64_t i = 0; i < run.count; ++i) out[row++].task = run.first + i;
  }
  return absl::OkStatus();
}

template <typename List>
absl::Status ReadTexts(const List& lengths, const std::string& texts,
                       std::string AttemptRecord::*member, Output& out) {
  if (!Fits(lengths, out.size())) return Malformed("lengths do not fit");
  if (lengths.empty()) {
    return texts.empty() ? absl::OkStatus() : Malformed("texts do not fit");
  }
  if (lengths.size() == 1) {
    if (lengths.Get(0) != texts.size() ||
        (texts.size() > kSharedTextMax && out.size() > 1)) {
      return Malformed("shared text does not fit");
    }
    for (AttemptRecord& record : out) record.*member = texts;
    return absl::OkStatus();
  }
  size_t at = 0;
  for (size_t i = 0; i < out.size(); ++i) {
    const uint64_t length = lengths.Get(static_cast<int>(i));
    if (length > texts.size() - at) return Malformed("texts do not fit");
    (out[i].*member).assign(texts, at, length);
    at += length;
  }
  if (at != texts.size()) return Malformed("texts do not fit");
  return absl::OkStatus();
}

template <typename List, typename Set>
bool ReadColumn(const List& list, Output& out, Set set) {
  if (!Fits(list, out.size())) return false;
  if (list.empty()) return true;
  for (size_t i = 0; i < out.size(); ++i) set(out[i], At(list, i));
  return true;
}

template <typename T, typename List>
bool ReadUsage(const List& list, std::optional<T> Usage::*member, Output& out) {
  return ReadColumn(list, out, [member](AttemptRecord& record, uint64_t cell) {
    FromCell(cell, record.usage.*member);
  });
}

bool ReadAllUsage(const pb::AttemptRecords& in, Output& out) {
  return ReadUsage(in.cpu(), &Usage::cpu, out) &&
         ReadUsage(in.run_queue_delay(), &Usage::run_queue_delay, out) &&
         ReadUsage(in.switches_voluntary(), &Usage::switches_voluntary, out) &&
         ReadUsage(in.switches_involuntary(), &Usage::switches_involuntary,
                   out) &&
         ReadUsage(in.memory_max_bytes(), &Usage::memory_max_bytes, out) &&
         ReadUsage(in.gil_wait(), &Usage::gil_wait, out) &&
         ReadUsage(in.gil_held(), &Usage::gil_held, out) &&
         ReadUsage(in.loop_wait(), &Usage::loop_wait, out) &&
         ReadUsage(in.loop_lag(), &Usage::loop_lag, out) &&
         ReadUsage(in.bytes_in(), &Usage::bytes_in, out) &&
         ReadUsage(in.bytes_out(), &Usage::bytes_out, out);
}

// The end times, each as the difference to the one before.
template <typename List>
void FillEnds(Records records, List& list) {
  list.Reserve(static_cast<int>(records.size()));
  uint64_t before = 0;
  bool all_after_first_zero = true;
  for (const AttemptRecord& record : records) {
    // Unsigned, so that the difference of any two times is defined.
    const auto time =
        static_cast<uint64_t>(record.ended_at.time_since_epoch().count());
    const auto step = static_cast<int64_t>(time - before);
    if (list.size() > 0 && step != 0) all_after_first_zero = false;
    list.AddAlreadyReserved(step);
    before = time;
  }
  if (all_after_first_zero) list.Truncate(list.Get(0) == 0 ? 0 : 1);
}

// Here one value means that all times are equal, not all differences.
template <typename List>
bool ReadEnds(const List& list, Output& out) {
  if (!Fits(list, out.size())) return false;
  uint64_t time = 0;
  for (size_t i = 0; i < out.size(); ++i) {
    if (static_cast<int>(i) < list.size()) {
      time += static_cast<uint64_t>(list.Get(static_cast<int>(i)));
    }
    out[i].ended_at = WallTime(Duration(static_cast<int64_t>(time)));
  }
  return true;
}

// Whether every column that VisitAttemptUses() reads has a fitting length,
// and every ending is known.
bool UsesFit(const pb::AttemptRecords& in, size_t count) {
  if (count == 0) return true;
  for (const uint32_t ending : in.ending()) {
    if (ending > static_cast<uint32_t>(Ending::kEvicted)) return false;
  }
  return Fits(in.fence(), count) && Fits(in.ending(), count) &&
         Fits(in.ended_at(), count) && Fits(in.wall(), count) &&
         Fits(in.cpu(), count) && Fits(in.run_queue_delay(), count) &&
         Fits(in.switches_voluntary(), count) &&
         Fits(in.switches_involuntary(), count) &&
         Fits(in.memory_max_bytes(), count) && Fits(in.gil_wait(), count) &&
         Fits(in.gil_held(), count) && Fits(in.loop_wait(), count) &&
         Fits(in.loop_lag(), count) && Fits(in.bytes_in(), count) &&
         Fits(in.bytes_out(), count);
}

template <typename T, typename List>
void ReadCell(const List& list, size_t row, std::optional<T>& out) {
  if (list.empty()) return;
  out.reset();
  FromCell(At(list, row), out);
}

void ReadUsageRow(const pb::AttemptRecords& in, size_t row, Usage& usage) {
  ReadCell(in.cpu(), row, usage.cpu);
  ReadCell(in.run_queue_delay(), row, usage.run_queue_delay);
  ReadCell(in.switches_voluntary(), row, usage.switches_voluntary);
  ReadCell(in.switches_involuntary(), row, usage.switches_involuntary);
  ReadCell(in.memory_max_bytes(), row, usage.memory_max_bytes);
  ReadCell(in.gil_wait(), row, usage.gil_wait);
  ReadCell(in.gil_held(), row, usage.gil_held);
  ReadCell(in.loop_wait(), row, usage.loop_wait);
  ReadCell(in.loop_lag(), row, usage.loop_lag);
  ReadCell(in.bytes_in(), row, usage.bytes_in);
  ReadCell(in.bytes_out(), row, usage.bytes_out);
}

}  // namespace

std::string EncodeAttemptRecords(std::span<const AttemptRecord> records) {
  CHECK(records.size() <= kAttemptRecordsMax);
  if (records.empty()) return {};
  pb::AttemptRecords out;
  out.set_count(records.size());
  FillTaskRuns(records, *out.mutable_task_runs());
  FillColumn(records, *out.mutable_fence(),
             [](const AttemptRecord& record) { return record.fence.value; });
  FillColumn(records, *out.mutable_ending(), [](const AttemptRecord& record) {
    return static_cast<uint32_t>(record.ending);
  });
  FillColumn(records, *out.mutable_exit_code(),
             [](const AttemptRecord& record) { return record.exit_code; });
  FillEnds(records, *out.mutable_ended_at());
  FillColumn(records, *out.mutable_wall(),
             [](const AttemptRecord& record) { return record.wall.count(); });
  FillTexts(records, &AttemptRecord::output, *out.mutable_output_length(),
            *out.mutable_outputs());
  FillTexts(records, &AttemptRecord::error, *out.mutable_error_length(),
            *out.mutable_errors());
  FillAllUsage(records, out);
  std::string bytes;
  CHECK(out.SerializeToString(&bytes));
  return bytes;
}

absl::StatusOr<std::vector<AttemptRecord>> DecodeAttemptRecords(
    const std::string& bytes) {
  pb::AttemptRecords in;
  if (!in.ParseFromString(bytes)) return Malformed("not attempt records");
  if (in.count() > kAttemptRecordsMax) return Malformed("too many records");
  Output out(in.count());
  if (absl::Status tasks = ReadTasks(in, out); !tasks.ok()) return tasks;
  bool endings_known = true;
  const bool fit =
      ReadColumn(in.fence(), out,
                 [](AttemptRecord& record, uint32_t value) {
                   record.fence = Fence{value};
                 }) &&
      ReadColumn(in.ending(), out,
                 [&endings_known](AttemptRecord& record, uint32_t value) {
                   if (value > static_cast<uint32_t>(Ending::kEvicted)) {
                     endings_known = false;
                     return;
                   }
                   record.ending = static_cast<Ending>(value);
                 }) &&
      ReadColumn(in.exit_code(), out,
                 [](AttemptRecord& record, int32_t value) {
                   record.exit_code = value;
                 }) &&
      ReadEnds(in.ended_at(), out) &&
      ReadColumn(in.wall(), out,
                 [](AttemptRecord& record, int64_t value) {
                   record.wall = Duration(value);
                 }) &&
      ReadAllUsage(in, out);
  if (!fit) return Malformed("columns of unequal length");
  if (!endings_known) return Malformed("unknown ending");
  absl::Status texts =
      ReadTexts(in.output_length(), in.outputs(), &AttemptRecord::output, out);
  if (!texts.ok()) return texts;
  texts = ReadTexts(in.error_length(), in.errors(), &AttemptRecord::error, out);
  if (!texts.ok()) return texts;
  return out;
}

absl::Status VisitAttemptUses(
    const std::string& bytes,
    const std::function<void(const AttemptUse&)>& visit) {
  pb::AttemptRecords in;
  if (!in.ParseFromString(bytes)) return Malformed("not attempt records");
  if (in.count() > kAttemptRecordsMax) return Malformed("too many records");
  const absl::StatusOr<std::vector<TaskRun>> runs = RunsOf(in);
  if (!runs.ok()) return runs.status();
  if (!UsesFit(in, in.count())) return Malformed("columns that do not fit");
  AttemptUse use;
  uint64_t time = 0;
  size_t row = 0;
  for (const TaskRun& run : *runs) {
    for (uint64_t i = 0; i < run.count; ++i, ++row) {
      use.task = run.first + i;
      use.fence = Fence{At(in.fence(), row)};
      use.ending = static_cast<Ending>(At(in.ending(), row));
      if (static_cast<int>(row) < in.ended_at_size()) {
        time += static_cast<uint64_t>(in.ended_at(static_cast<int>(row)));
      }
      use.ended_at = WallTime(Duration(static_cast<int64_t>(time)));
      use.wall = Duration(At(in.wall(), row));
      ReadUsageRow(in, row, use.usage);
      visit(use);
    }
  }
  return absl::OkStatus();
}

bool ObserveWalls(const std::string& bytes, uint64_t count,
                  BucketCounts& counts) {
  using WireFormat = google::protobuf::internal::WireFormatLite;
  google::protobuf::io::CodedInputStream in(
      reinterpret_cast<const uint8_t*>(bytes.data()),
      static_cast<int>(bytes.size()));
  uint64_t rows = 0;
  std::vector<int64_t> walls;
  while (const uint32_t tag = in.ReadTag()) {
    bool is_read = true;
    if (tag == WireFormat::MakeTag(pb::AttemptRecords::kCountFieldNumber,
                                   WireFormat::WIRETYPE_VARINT)) {
      is_read = in.ReadVarint64(&rows);
    } else if (tag ==
               WireFormat::MakeTag(pb::AttemptRecords::kWallFieldNumber,
                                   WireFormat::WIRETYPE_LENGTH_DELIMITED)) {
      uint32_t length = 0;
      is_read = in.ReadVarint32(&length) && length <= bytes.size();
      const auto limit = in.PushLimit(static_cast<int>(length));
      uint64_t wall = 0;
      while (is_read && in.BytesUntilLimit() > 0) {
        is_read = in.ReadVarint64(&wall) && walls.size() < kAttemptRecordsMax;
        walls.push_back(static_cast<int64_t>(wall));
      }
      in.PopLimit(limit);
    } else {
      is_read = WireFormat::SkipField(&in, tag);
    }
    if (!is_read) return false;
  }
  if (rows != count || rows > kAttemptRecordsMax) return false;
  if (walls.size() > 1 && walls.size() != rows) return false;
  if (walls.size() == rows) {
    for (const int64_t wall : walls) counts.Observe(Duration(wall));
  } else {
    counts.Observe(Duration(walls.empty() ? 0 : walls.front()), rows);
  }
  return true;
}

}  // namespace remuda
