#include "coordinator/store/joined_writes.h"

#include <sqlite3.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <utility>

namespace remuda {
namespace {

constexpr char kName[] = "remuda-joined-writes";

// Larger transactions are written in pieces of this. SQLite's own file system
// takes less than 128 KiB at once.
constexpr size_t kHeldBytesMax = 96 << 10;

// A frame of the log is a header of so many bytes and a page
// (sqlite.org/fileformat2.html#walformat). Only that of a commit's last page
// has the size of the database in its second word.
constexpr int kFrameHeaderBytes = 24;

sqlite3_vfs* Base(sqlite3_vfs* vfs) {
  return static_cast<sqlite3_vfs*>(vfs->pAppData);
}

bool EndsCommit(const void* bytes, int size) {
  if (size != kFrameHeaderBytes) return false;
  uint32_t pages = 0;
  std::memcpy(&pages, static_cast<const char*>(bytes) + 4, sizeof pages);
  return pages != 0;
}

// What is written one behind the other and not yet with the file below.
struct Held {
  std::string bytes;
  sqlite3_int64 at = 0;
  bool last_page = false;  // the next page ends a commit
  // No byte from here on was written since the log began anew. What is
  // written before it is a correction, not followed by anything.
  sqlite3_int64 fresh_from = 0;

  sqlite3_int64 end() const {
    return at + static_cast<sqlite3_int64>(bytes.size());
  }
};

// SQLite allocates it, with room for the file below behind it.
struct LogFile {
  sqlite3_file file;  // first: SQLite's handle
  Held* held;

  sqlite3_file* below() { return reinterpret_cast<sqlite3_file*>(this + 1); }
};
static_assert(sizeof(LogFile) % alignof(std::max_align_t) == 0);

LogFile& Of(sqlite3_file* file) { return *reinterpret_cast<LogFile*>(file); }

int Flush(LogFile& log) {
  Held& held = *log.held;
  if (held.bytes.empty()) return SQLITE_OK;
  sqlite3_file* const below = log.below();
  const int code = below->pMethods->xWrite(
      below, held.bytes.data(), static_cast<int>(held.bytes.size()), held.at);
  held.at = held.end();
  held.bytes.clear();
  return code;
}

int Write(sqlite3_file* file, const void* bytes, int size, sqlite3_int64 at) {
  LogFile& log = Of(file);
  Held& held = *log.held;
  const auto count = static_cast<size_t>(size);
  const bool is_full = held.bytes.size() + count > kHeldBytesMax;
  if (at != held.end() || at < held.fresh_from || is_full) {
    const int code = Flush(log);
    if (code != SQLITE_OK) return code;
    held.at = at;
  }
  if (at == 0) held.fresh_from = 0;
  if (at < held.fresh_from) {
    held.last_page = false;
    return log.below()->pMethods->xWrite(log.below(), bytes, size, at);
  }
  held.bytes.append(static_cast<const char*>(bytes), count);
  held.fresh_from = held.end();
  const bool is_end = std::exchange(held.last_page, EndsCommit(bytes, size));
  return is_end ? Flush(log) : SQLITE_OK;
}

int Close(sqlite3_file* file) {
  LogFile& log = Of(file);
  const int flushed = Flush(log);
  delete log.held;
  const int closed = log.below()->pMethods->xClose(log.below());
  return flushed == SQLITE_OK ? closed : flushed;
}

int Read(sqlite3_file* file, void* bytes, int size, sqlite3_int64 at) {
  LogFile& log = Of(file);
  const int code = Flush(log);
  if (code != SQLITE_OK) return code;
  return log.below()->pMethods->xRead(log.below(), bytes, size, at);
}

int Truncate(sqlite3_file* file, sqlite3_int64 size) {
  LogFile& log = Of(file);
  const int code = Flush(log);
  if (code != SQLITE_OK) return code;
  log.held->fresh_from = std::min(log.held->fresh_from, size);
  return log.below()->pMethods->xTruncate(log.below(), size);
}

int Sync(sqlite3_file* file, int flags) {
  LogFile& log = Of(file);
  const int code = Flush(log);
  if (code != SQLITE_OK) return code;
  return log.below()->pMethods->xSync(log.below(), flags);
}

int FileSize(sqlite3_file* file, sqlite3_int64* size) {
  LogFile& log = Of(file);
  const int code = Flush(log);
  if (code != SQLITE_OK) return code;
  return log.below()->pMethods->xFileSize(log.below(), size);
}

int Lock(sqlite3_file* file, int kind) {
  sqlite3_file* const below = Of(file).below();
  return below->pMethods->xLock(below, kind);
}

int Unlock(sqlite3_file* file, int kind) {
  sqlite3_file* const below = Of(file).below();
  return below->pMethods->xUnlock(below, kind);
}

int CheckReservedLock(sqlite3_file* file, int* is_locked) {
  sqlite3_file* const below = Of(file).below();
  return below->pMethods->xCheckReservedLock(below, is_locked);
}

int FileControl(sqlite3_file* file, int what, void* value) {
  sqlite3_file* const below = Of(file).below();
  return below->pMethods->xFileControl(below, what, value);
}

int SectorSize(sqlite3_file* file) {
  sqlite3_file* const below = Of(file).below();
  return below->pMethods->xSectorSize(below);
}

int DeviceCharacteristics(sqlite3_file* file) {
  sqlite3_file* const below = Of(file).below();
  return below->pMethods->xDeviceCharacteristics(below);
}

// Version 1: a log is neither mapped nor shared, the database's file is.
constexpr sqlite3_io_methods kLogMethods = {
    .iVersion = 1,
    .xClose = Close,
    .xRead = Read,
    .xWrite = Write,
    .xTruncate = Truncate,
    .xSync = Sync,
    .xFileSize = FileSize,
    .xLock = Lock,
    .xUnlock = Unlock,
    .xCheckReservedLock = CheckReservedLock,
    .xFileControl = FileControl,
    .xSectorSize = SectorSize,
    .xDeviceCharacteristics = DeviceCharacteristics,
};

// Anything but a write-ahead log is the file below itself.
int Open(sqlite3_vfs* vfs, const char* path, sqlite3_file* file, int flags,
         int* flags_out) {
  sqlite3_vfs* const base = Base(vfs);
  if ((flags & SQLITE_OPEN_WAL) == 0) {
    return base->xOpen(base, path, file, flags, flags_out);
  }
  LogFile& log = Of(file);
  log.file.pMethods = nullptr;  // nothing to close after an error
  log.below()->pMethods = nullptr;
  const int code = base->xOpen(base, path, log.below(), flags, flags_out);
  if (code != SQLITE_OK) {
    // A file that could not be opened may still have to be closed.
    if (log.below()->pMethods != nullptr) {
      log.below()->pMethods->xClose(log.below());
    }
    return code;
  }
  log.held = new Held;
  log.file.pMethods = &kLogMethods;
  return SQLITE_OK;
}

// Null if it cannot be registered.
const char* Register() {
  sqlite3_vfs* const base = sqlite3_vfs_find(nullptr);
  if (base == nullptr) return nullptr;
  // The calls that are not ours hand `vfs` on; SQLite's own do not look at it.
  static sqlite3_vfs vfs = *base;
  vfs.szOsFile = static_cast<int>(sizeof(LogFile)) + base->szOsFile;
  vfs.pNext = nullptr;
  vfs.zName = kName;
  vfs.pAppData = base;
  vfs.xOpen = Open;
  return sqlite3_vfs_register(&vfs, 0) == SQLITE_OK ? kName : nullptr;
}

}  // namespace

const char* JoinedWritesVfs() {
  static const char* const kRegistered = Register();
  return kRegistered;
}

}  // namespace remuda
