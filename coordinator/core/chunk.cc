#include "coordinator/core/chunk.h"

#include <algorithm>
#include <bit>
#include <cstddef>
#include <utility>

#include "absl/status/status.h"
#include "base/check.h"

namespace remuda {
namespace {

constexpr char kFormat = 1;
constexpr char kLayoutRuns = 0;
constexpr char kLayoutRaw = 1;
constexpr size_t kRawBytes = kTasksPerChunk / 2;

constexpr uint64_t Repeat(TaskState state) {
  return static_cast<uint64_t>(state) * 0x1111111111111111u;
}

bool Ended(TaskState state) { return state >= TaskState::kSucceeded; }

void AppendVarint(std::string& bytes, uint64_t value) {
  while (value >= 0x80) {
    bytes.push_back(static_cast<char>(value | 0x80));
    value >>= 7;
  }
  bytes.push_back(static_cast<char>(value));
}

// Reads what AppendVarint wrote; after a mistake, failed() and zeros.
class VarintReader {
 public:
  VarintReader(const std::string& bytes, size_t at) : bytes_(bytes), at_(at) {}

  uint64_t Next() {
    uint64_t value = 0;
    for (int shift = 0; shift < 64 && at_ < bytes_.size(); shift += 7) {
      const auto byte = static_cast<unsigned char>(bytes_[at_++]);
      value |= static_cast<uint64_t>(byte & 0x7f) << shift;
      if (byte < 0x80) return value;
    }
    failed_ = true;
    return 0;
  }

  // A number that has to fit into 32 bits.
  uint32_t NextSmall() {
    const uint64_t value = Next();
    if (value > UINT32_MAX) failed_ = true;
    return static_cast<uint32_t>(value);
  }

  void Skip(size_t count) { at_ += count; }
  size_t at() const { return at_; }
  bool failed() const { return failed_; }
  bool at_end() const { return at_ == bytes_.size(); }

 private:
  const std::string& bytes_;
  size_t at_;
  bool failed_ = false;
};

absl::Status Damaged() {
  return absl::DataLossError("a chunk of task states is damaged");
}

}  // namespace

TaskTries TaskTries::Usual(TaskState state) {
  if (!Ended(state)) return {};
  return {.fence = 1, .attempts = 1, .losses = 0, .not_before = {}};
}

ChunkState::TriesRun::TriesRun(uint64_t first, uint64_t count,
                               const TaskTries& tries)
    : first_(static_cast<uint16_t>(first)),
      count_(static_cast<uint16_t>(count)),
      fence_(tries.fence),
      attempts_(tries.attempts),
      losses_(tries.losses),
      not_before_(tries.not_before) {}

TaskTries ChunkState::TriesRun::tries() const {
  return {.fence = fence_,
          .attempts = attempts_,
          .losses = losses_,
          .not_before = not_before_};
}

void ChunkState::TriesRun::ExtendTo(uint64_t end) {
  count_ = static_cast<uint16_t>(end - first_);
}

TaskState ChunkState::state(uint64_t offset) const {
  CHECK(offset < kTasksPerChunk);
  if (!words_) return uniform_;
  const uint64_t word = (*words_)[offset / kTasksPerWord];
  return static_cast<TaskState>(word >> (offset % kTasksPerWord * 4) & 0xf);
}

TaskTries ChunkState::tries(uint64_t offset) const {
  return RunFrom(offset, offset + 1).tries;
}

ChunkState::Run ChunkState::RunFrom(uint64_t offset, uint64_t end) const {
  CHECK(offset < end && end <= kTasksPerChunk);
  Run run;
  run.first = offset;
  run.state = state(offset);
  run.tries = TaskTries::Usual(run.state);
  if (const size_t at = TriesAfter(offset); at < unusual_.size()) {
    const TriesRun& unusual = unusual_[at];
    if (unusual.first() <= offset) {
      run.tries = unusual.tries();
      end = std::min(end, unusual.end());
    } else {
      end = std::min(end, unusual.first());
    }
  }
  run.count = EndOfState(offset, end) - offset;
  return run;
}

uint64_t ChunkState::EndOfState(uint64_t offset, uint64_t end) const {
  if (!words_) return end;
  const uint64_t like = Repeat(state(offset));
  while (offset < end) {
    const uint64_t shift = offset % kTasksPerWord;
    const uint64_t other =
        ((*words_)[offset / kTasksPerWord] ^ like) >> (shift * 4);
    if (other != 0) {
      return std::min(
          end, offset + static_cast<uint64_t>(std::countr_zero(other) / 4));
    }
    offset += kTasksPerWord - shift;
  }
  return end;
}

size_t ChunkState::TriesAfter(uint64_t offset) const {
  const auto at = std::partition_point(
      unusual_.begin(), unusual_.end(),
      [offset](const TriesRun& run) { return run.end() <= offset; });
  return static_cast<size_t>(at - unusual_.begin());
}

void ChunkState::Set(uint64_t first, uint64_t count, TaskState state,
                     const TaskTries& tries) {
  CHECK(first + count <= kTasksPerChunk);
  if (count == 0) return;
  const bool usual = tries == TaskTries::Usual(state);
  // A listed neighbour stays listed with what it had, so only this range is
  // looked at.
  if (!usual || !unusual_.empty()) {
    SetTries(first, count, usual ? nullptr : &tries);
  }
  SetState(first, count, state);
}

void ChunkState::SetState(uint64_t first, uint64_t count, TaskState state) {
  if (count == kTasksPerChunk) {
    words_.reset();
    uniform_ = state;
    return;
  }
  if (!words_) {
    if (state == uniform_) return;
    words_ = std::make_unique<Words>();
    words_->fill(Repeat(uniform_));
  }
  const uint64_t fill = Repeat(state);
  for (uint64_t at = first; at < first + count;) {
    const uint64_t low = at % kTasksPerWord;
    const uint64_t high = std::min(kTasksPerWord, low + first + count - at);
    uint64_t mask = ~uint64_t{0} << (low * 4);
    if (high < kTasksPerWord) mask &= (uint64_t{1} << (high * 4)) - 1;
    uint64_t& word = (*words_)[at / kTasksPerWord];
    word = (word & ~mask) | (fill & mask);
    at += high - low;
  }
  if (words_->front() != fill || words_->back() != fill) return;
  for (const uint64_t word : *words_) {
    if (word != fill) return;
  }
  words_.reset();
  uniform_ = state;
}

void ChunkState::SetTries(uint64_t first, uint64_t count,
                          const TaskTries* tries) {
  const uint64_t end = first + count;
  std::vector<TriesRun> pieces;  // what replaces unusual_[from, to)
  size_t from = TriesAfter(first);
  size_t to = from;
  const auto append = [&pieces](uint64_t begin, uint64_t until,
                                const TaskTries& value) {
    if (begin == until) return;
    if (!pieces.empty() && pieces.back().tries() == value &&
        pieces.back().end() == begin) {
      pieces.back().ExtendTo(until);
      return;
    }
    pieces.emplace_back(begin, until - begin, value);
  };
  // The neighbour that ends where the range begins may merge with it.
  if (from > 0 && unusual_[from - 1].end() == first) {
    --from;
    append(unusual_[from].first(), first, unusual_[from].tries());
  }
  if (to < unusual_.size() && unusual_[to].first() < first) {
    append(unusual_[to].first(), first, unusual_[to].tries());
  }
  if (tries != nullptr) append(first, end, *tries);
  for (; to < unusual_.size() && unusual_[to].first() <= end; ++to) {
    const TriesRun& old = unusual_[to];
    append(std::min(std::max(old.first(), end), old.end()), old.end(),
           old.tries());
  }
  const size_t reused = std::min(pieces.size(), to - from);
  const size_t more = pieces.size() - reused;
  // In quarters, as a job of many tasks that fail has many such lists.
  if (unusual_.size() + more > unusual_.capacity()) {
    unusual_.reserve(unusual_.size() + more + unusual_.size() / 4);
  }
  const auto at = unusual_.begin() + static_cast<std::ptrdiff_t>(from);
  const auto last = unusual_.begin() + static_cast<std::ptrdiff_t>(to);
  const auto middle = pieces.begin() + static_cast<std::ptrdiff_t>(reused);
  const auto next = std::copy(pieces.begin(), middle, at);
  if (middle == pieces.end()) {
    unusual_.erase(next, last);
  } else {
    unusual_.insert(next, middle, pieces.end());
  }
}

bool ChunkState::untouched() const {
  return !words_ && uniform_ == TaskState::kPending && unusual_.empty();
}

bool ChunkState::KeepsTerminal(const ChunkState& before) const {
  for (uint64_t at = 0; at < kTasksPerChunk;) {
    const Run old = before.RunFrom(at, kTasksPerChunk);
    const Run now = RunFrom(at, old.first + old.count);
    if (Ended(old.state) &&
        (now.state != old.state || !(now.tries == old.tries))) {
      return false;
    }
    at += now.count;
  }
  return true;
}

std::string ChunkState::Encode() const {
  std::string bytes = {kFormat, kLayoutRuns};
  for (uint64_t at = 0; at < kTasksPerChunk;) {
    const uint64_t end = EndOfState(at, kTasksPerChunk);
    AppendVarint(bytes, (end - at) * 16 + static_cast<uint64_t>(state(at)));
    at = end;
    if (bytes.size() > kRawBytes + 2) break;
  }
  if (bytes.size() > kRawBytes + 2) {
    bytes = {kFormat, kLayoutRaw};
    for (const uint64_t word : *words_) {
      for (int shift = 0; shift < 64; shift += 8) {
        bytes.push_back(static_cast<char>(word >> shift));
      }
    }
  }
  AppendVarint(bytes, unusual_.size());
  uint64_t end = 0;
  for (const TriesRun& run : unusual_) {
    const TaskTries tries = run.tries();
    AppendVarint(bytes, run.first() - end);
    AppendVarint(bytes, run.end() - run.first());
    AppendVarint(bytes, tries.fence);
    AppendVarint(bytes, tries.attempts);
    AppendVarint(bytes, tries.losses);
    AppendVarint(bytes, static_cast<uint64_t>(
                            tries.not_before.time_since_epoch().count()));
    end = run.end();
  }
  return bytes;
}

absl::StatusOr<ChunkState> ChunkState::Decode(const std::string& bytes) {
  if (bytes.size() < 2 || bytes[0] != kFormat) return Damaged();
  ChunkState chunk;
  VarintReader reader(bytes, 2);
  const auto set = [&chunk](uint64_t first, uint64_t count, uint64_t state) {
    const bool known = state < kTaskStates &&
                       state != static_cast<uint64_t>(TaskState::kRunning);
    if (known) chunk.SetState(first, count, static_cast<TaskState>(state));
    return known;
  };
  if (bytes[1] == kLayoutRuns) {
    for (uint64_t at = 0; at < kTasksPerChunk;) {
      const uint64_t run = reader.Next();
      const uint64_t count = run / 16;
      if (reader.failed() || count == 0 || count > kTasksPerChunk - at ||
          !set(at, count, run % 16)) {
        return Damaged();
      }
      at += count;
    }
  } else if (bytes[1] == kLayoutRaw && bytes.size() >= 2 + kRawBytes) {
    for (uint64_t at = 0; at < kTasksPerChunk; ++at) {
      const auto byte = static_cast<unsigned char>(bytes[2 + at / 2]);
      if (!set(at, 1, at % 2 == 0 ? byte & 0xfu : byte >> 4)) return Damaged();
    }
    reader.Skip(kRawBytes);
  } else {
    return Damaged();
  }
  const uint64_t runs = reader.Next();
  if (reader.failed() || runs > kTasksPerChunk) return Damaged();
  uint64_t end = 0;
  for (uint64_t i = 0; i < runs; ++i) {
    const uint64_t gap = reader.Next();
    const uint64_t count = reader.Next();
    TaskTries tries;
    tries.fence = reader.NextSmall();
    tries.attempts = reader.NextSmall();
    tries.losses = reader.NextSmall();
    tries.not_before =
        WallTime(Duration(static_cast<Duration::rep>(reader.Next())));
    if (reader.failed() || gap > kTasksPerChunk - end || count == 0 ||
        count > kTasksPerChunk - end - gap) {
      return Damaged();
    }
    chunk.SetTries(end + gap, count, &tries);
    end += gap + count;
  }
  if (!reader.at_end()) return Damaged();
  return chunk;
}

}  // namespace remuda
