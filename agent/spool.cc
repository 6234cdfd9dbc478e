#include "agent/spool.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <utility>

#include "base/check.h"
#include "base/file_descriptor.h"

namespace remuda {
namespace {

constexpr const char* kFileNames[] = {"/results.0.log", "/results.1.log"};
constexpr char kSetAside[] = ".set-aside";
// What builds wrote that kept nothing.
constexpr char kOldFileName[] = "/results.spool";

int SyncData(int fd) { return fdatasync(fd) == 0 ? 0 : errno; }

// So that a file which is new is found again, too.
absl::Status SyncFolder(const std::string& folder) {
  const UniqueFd fd(open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (fd.valid() && fsync(fd.get()) == 0) return absl::OkStatus();
  return ErrnoStatus(errno, "cannot sync the folder " + folder);
}

}  // namespace

absl::StatusOr<std::unique_ptr<Spool>> Spool::Open(SpoolOptions options) {
  std::vector<ResultLog> logs;
  for (const char* name : kFileNames) {
    absl::StatusOr<ResultLog> log = ResultLog::Open(options.folder + name);
    if (!log.ok()) return log.status();
    logs.push_back(*std::move(log));
  }
  unlink((options.folder + kOldFileName).c_str());
  std::unique_ptr<Spool> spool(new Spool(std::move(options), std::move(logs)));
  const absl::Status taken = spool->TakeOver();
  if (!taken.ok()) return taken;
  return spool;
}

Spool::Spool(SpoolOptions options, std::vector<ResultLog> logs)
    : options_(std::move(options)) {
  for (ResultLog& log : logs) files_.push_back({.log = std::move(log)});
  if (options_.on_sync) {
    sync_thread_ = std::make_unique<SyncThread>(
        options_.sync ? options_.sync : SyncData, options_.on_sync);
  }
}

absl::Status Spool::TakeOver() {
  std::vector<Found> found;
  for (size_t i = 0; i < files_.size(); ++i) {
    ResultLog& log = files_[i].log;
    if (!options_.outlives_process) {
      const absl::Status emptied = log.Empty();
      if (!emptied.ok()) return emptied;
      continue;
    }
    absl::StatusOr<ResultLog::Recovered> recovered = log.Recover();
    absl::Status foreign = recovered.status();
    if (foreign.ok() && !options_.takes_over && log.bytes() > 0) {
      foreign = absl::InvalidArgumentError(log.path() + " is another agent's");
    }
    if (absl::IsInvalidArgument(foreign) ||
        absl::IsFailedPrecondition(foreign)) {
      const absl::Status aside = SetAside(log, std::string(foreign.message()));
      if (!aside.ok()) return aside;
      continue;
    }
    if (!recovered.ok()) return recovered.status();
    inheritance_.bytes_damaged += recovered->bytes_damaged;
    if (recovered->frames.empty()) continue;
    found.push_back({.file = i, .recovered = *std::move(recovered)});
  }
  PlaceFound(std::move(found));
  EmptyUnused();
  if (!options_.outlives_process) return absl::OkStatus();
  return SyncFolder(options_.folder);
}

void Spool::PlaceFound(std::vector<Found> found) {
  std::sort(found.begin(), found.end(), [](const Found& a, const Found& b) {
    return a.recovered.frames[0].sequence < b.recovered.frames[0].sequence;
  });
  // An agent that met another coordinator's state had emptied the older one,
  // and the disk forgot that.
  if (found.size() == 2 &&
      found[0].recovered.generation != found[1].recovered.generation) {
    found.erase(found.begin());
  }
  for (const Found& one : found) {
    generation_ = one.recovered.generation;
    current_ = one.file;
    for (const ResultLog::Recovered::Frame& frame : one.recovered.frames) {
      places_.push_back({.entry = {},
                         .size = frame.place.size,
                         .file = static_cast<int>(one.file),
                         .at = frame.place,
                         .logged = frame.sequence,
                         .in_memory = false});
      file_bytes_ += frame.place.size;
      ++files_[one.file].entries;
    }
  }
  if (!places_.empty()) {
    // Gaps, which a damaged file may leave, close; what follows still has
    // higher numbers than what lies there.
    const uint64_t last_logged =
        std::max<uint64_t>(places_.back().logged, places_.size());
    first_ = last_logged - places_.size() + 1;
    written_up_to_ = synced_up_to_ = last_logged;
  }
  inheritance_.generation = generation_;
  inheritance_.first = first_;
  inheritance_.entries = places_.size();
}

absl::Status Spool::SetAside(ResultLog& log, const std::string& why) {
  const std::string path = log.path();
  if (std::rename(path.c_str(), (path + kSetAside).c_str()) != 0) {
    return ErrnoStatus(errno, "cannot set aside " + path);
  }
  inheritance_.set_aside.push_back(why);
  absl::StatusOr<ResultLog> another = ResultLog::Open(path);
  if (!another.ok()) return another.status();
  log = *std::move(another);
  return absl::OkStatus();
}

void Spool::Disinherit(uint64_t sequence) {
  while (!places_.empty() && last() >= sequence) {
    Forget(places_.back());
    places_.pop_back();
    --inheritance_.entries;
  }
  EmptyUnused();
}

void Spool::SetGeneration(std::string generation) {
  generation_ = std::move(generation);
}

void Spool::Append(uint64_t sequence, Entry entry) {
  if (places_.empty()) first_ = sequence;
  CHECK_EQ(sequence, first_ + places_.size());
  const uint64_t size = entry.frame.size();
  places_.push_back({.entry = std::move(entry), .size = size});
  memory_bytes_ += size;
  if (memory_bytes_ <= options_.memory_bytes_max || !WriteUpTo(sequence)) {
    return;
  }
  Place& place = places_.back();
  place.entry.frame = std::string();
  place.in_memory = false;
  memory_bytes_ -= size;
  file_bytes_ += size;
}

// All before it, too, so that a crash leaves no gap.
bool Spool::WriteUpTo(uint64_t sequence) {
  if (gave_up_) return false;
  for (uint64_t next = std::max(written_up_to_ + 1, first_); next <= sequence;
       ++next) {
    if (!Write(next, places_[static_cast<size_t>(next - first_)])) return false;
    written_up_to_ = next;
  }
  file_status_ = absl::OkStatus();
  return true;
}

bool Spool::Write(uint64_t sequence, Place& place) {
  const size_t other = 1 - current_;
  if (files_[current_].log.bytes() >= options_.file_bytes &&
      files_[other].log.bytes() == 0) {
    current_ = other;
  }
  File& file = files_[current_];
  const absl::StatusOr<ResultLog::Place> at =
      file.log.Append(sequence, place.entry.frame, generation_);
  if (!at.ok()) {
    file_status_ = at.status();
    return false;
  }
  place.file = static_cast<int>(current_);
  place.at = *at;
  place.logged = sequence;
  ++file.entries;
  file.is_dirty = true;
  return true;
}

void Spool::Keep(uint64_t sequence) {
  if (!options_.outlives_process || places_.empty()) return;
  keep_up_to_ = std::max(keep_up_to_, sequence);
  if (keep_up_to_ <= synced_up_to_) return;
  if (!WriteUpTo(std::min(keep_up_to_, last()))) return;
  StartSync();
}

void Spool::StartSync() {
  if (syncing_.has_value() || gave_up_) return;
  const auto dirty = std::find_if(files_.begin(), files_.end(),
                                  [](const File& f) { return f.is_dirty; });
  if (dirty == files_.end()) return;
  dirty->is_dirty = false;
  const bool is_last = std::none_of(files_.begin(), files_.end(),
                                    [](const File& f) { return f.is_dirty; });
  syncing_ = {.file = static_cast<size_t>(dirty - files_.begin()),
              .up_to = is_last ? written_up_to_ : 0};
  if (sync_thread_ != nullptr) {
    sync_thread_->Start(dirty->log.fd());
  } else {
    OnSynced(options_.sync ? options_.sync(dirty->log.fd())
                           : SyncData(dirty->log.fd()));
  }
}

void Spool::Poll() {
  if (sync_thread_ == nullptr) return;
  const std::optional<int> result = sync_thread_->TakeResult();
  if (result.has_value()) OnSynced(*result);
}

void Spool::OnSynced(int result) {
  const Syncing done = *std::exchange(syncing_, std::nullopt);
  if (result != 0) {
    gave_up_ = true;
    file_status_ =
        ErrnoStatus(result, "cannot sync " + files_[done.file].log.path());
    return;
  }
  synced_up_to_ = std::max(synced_up_to_, done.up_to);
  if (keep_up_to_ > synced_up_to_) StartSync();
}

absl::StatusOr<Spool::Entry> Spool::Read(uint64_t sequence) const {
  CHECK(sequence >= first_ && sequence - first_ < places_.size());
  const Place& place = places_[static_cast<size_t>(sequence - first_)];
  if (place.in_memory) return place.entry;
  absl::StatusOr<std::string> frame =
      files_[static_cast<size_t>(place.file)].log.Read(place.logged, place.at);
  if (!frame.ok()) return frame.status();
  return Entry{.frame = *std::move(frame),
               .term = place.entry.term,
               .session = place.entry.session};
}

void Spool::Forget(const Place& place) {
  (place.in_memory ? memory_bytes_ : file_bytes_) -= place.size;
  if (place.file >= 0) --files_[static_cast<size_t>(place.file)].entries;
}

void Spool::ReleaseUpTo(uint64_t sequence) {
  while (!places_.empty() && first_ <= sequence) {
    Forget(places_.front());
    places_.pop_front();
    ++first_;
  }
  EmptyUnused();
  if (places_.empty() && !gave_up_) file_status_ = absl::OkStatus();
}

void Spool::EmptyUnused() {
  for (File& file : files_) {
    if (file.entries > 0 || file.log.bytes() == 0) continue;
    // A failure leaves old bytes, which the next entries overwrite.
    const absl::Status emptied = file.log.Empty();
    if (emptied.ok() && !gave_up_) file_status_ = absl::OkStatus();
    file.is_dirty = false;
  }
}

size_t Spool::kept() const {
  if (synced_up_to_ < first_) return 0;
  return std::min(places_.size(),
                  static_cast<size_t>(synced_up_to_ - first_ + 1));
}

bool Spool::full() const {
  uint64_t bytes = memory_bytes_;
  for (const File& file : files_) bytes += file.log.bytes();
  return places_.size() >= options_.entries_max ||
         bytes >= options_.bytes_max ||
         (!file_status_.ok() && memory_bytes_ >= options_.memory_bytes_max);
}

}  // namespace remuda
