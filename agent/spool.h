#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "agent/result_log.h"
#include "agent/sync_thread.h"
#include "jobs/ids.h"

namespace remuda {

struct SpoolOptions {
  std::string folder;  // must exist; one spool uses it at a time
  // Whether what it keeps is left to a later process. Otherwise the files only
  // make room.
  bool outlives_process = true;
  // Whether what an earlier process left there is this one's. Otherwise that
  // is set aside.
  bool takes_over = true;
  size_t memory_bytes_max = 16u << 20;
  // From here on the spool is full, which stops new work. It still takes the
  // ends of what runs, because a result is never dropped.
  uint64_t bytes_max = 256u << 20;
  size_t entries_max = 64u * 1024;
  // A file that has grown so long gives way to the other, if that is empty.
  uint64_t file_bytes = 16u << 20;
  SyncThread::Call sync;          // fdatasync, by default
  std::function<void()> on_sync;  // in any thread: Poll() has something to do
};

// Frames that the coordinator has not confirmed, by rising sequence without
// gaps. They lie in memory; in one of two files, too, if they are to outlive
// the process (Keep) or as there is no room. Of a crash remain those up to
// synced_up_to() and perhaps some more; a link that confirms in time writes
// nothing.
//
// A file that cannot be written or synced costs only that: results stay in
// memory, are sent as ever, and stop new work when they fill it. After a
// failed sync nothing more is written, since nobody knows what is on the disk.
//
// Thread: confined to the agent's control loop.
// Lifetime: a file is emptied when its last entry is released.
class Spool {
 public:
  // A frame and the session for which it was encoded.
  struct Entry {
    std::string frame;
    Term term;
    SessionId session;
  };

  // What an earlier process left: the entries from `first` on, of no session.
  struct Inheritance {
    std::string generation;
    uint64_t first = 1;
    uint64_t entries = 0;
    uint64_t bytes_damaged = 0;          // behind the last good entry; dropped
    std::vector<std::string> set_aside;  // files of others, and why
  };

  // Errors: as base/file_descriptor.h names them.
  static absl::StatusOr<std::unique_ptr<Spool>> Open(SpoolOptions options);

  const Inheritance& inheritance() const { return inheritance_; }
  // Drops what was inherited, from this one on.
  void Disinherit(uint64_t sequence);

  // Of the coordinator's state, for entries that are yet to be written.
  void SetGeneration(std::string generation);

  // The sequence must be the next one, the first of all may be any. What the
  // file does not take stays in memory, and the spool counts as full.
  void Append(uint64_t sequence, Entry entry);

  // Has all entries up to there written and synced, now or, after an error, at
  // the next call.
  void Keep(uint64_t sequence);

  // Takes note of a sync that has ended.
  void Poll();

  // Errors: DataLoss if the file does not give back what it took.
  //         CHECKs that the entry is there.
  absl::StatusOr<Entry> Read(uint64_t sequence) const;

  void ReleaseUpTo(uint64_t sequence);

  bool full() const;
  size_t entries() const { return places_.size(); }
  uint64_t bytes() const { return memory_bytes_ + file_bytes_; }
  uint64_t synced_up_to() const { return synced_up_to_; }
  size_t kept() const;  // entries that are safe on disk
  // Why entries cannot be kept in the file, or OK.
  const absl::Status& file_status() const { return file_status_; }

 private:
  struct Place {
    Entry entry;        // its frame is empty if it lies in a file alone
    uint64_t size = 0;  // of the frame
    int file = -1;      // which, if it lies in one
    ResultLog::Place at;
    uint64_t logged = 0;  // its number there
    bool in_memory = true;
  };
  struct File {
    ResultLog log;
    uint64_t entries = 0;  // not released
    bool is_dirty = false;
  };

  Spool(SpoolOptions options, std::vector<ResultLog> logs);
  // A file with frames of an earlier process.
  struct Found {
    size_t file = 0;
    ResultLog::Recovered recovered;
  };

  absl::Status TakeOver();
  void PlaceFound(std::vector<Found> found);
  absl::Status SetAside(ResultLog& log, const std::string& why);
  bool WriteUpTo(uint64_t sequence);
  bool Write(uint64_t sequence, Place& place);
  void StartSync();
  void OnSynced(int result);
  void EmptyUnused();
  void Forget(const Place& place);
  uint64_t last() const { return first_ + places_.size() - 1; }

  const SpoolOptions options_;
  std::vector<File> files_;
  Inheritance inheritance_;
  std::string generation_;
  std::deque<Place> places_;
  uint64_t first_ = 1;  // sequence of the first place
  uint64_t written_up_to_ = 0;
  uint64_t synced_up_to_ = 0;
  uint64_t memory_bytes_ = 0;
  uint64_t file_bytes_ = 0;  // of entries that are in a file alone
  size_t current_ = 0;       // where the next one goes
  absl::Status file_status_;
  bool gave_up_ = false;  // a sync failed
  struct Syncing {
    size_t file = 0;
    uint64_t up_to = 0;
  };
  std::optional<Syncing> syncing_;
  uint64_t keep_up_to_ = 0;
  std::unique_ptr<SyncThread> sync_thread_;  // last: uses the files
};

}  // namespace remuda
