#include "executors/handlers/vector_files.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <bit>
#include <cerrno>
#include <cstdlib>
#include <span>
#include <thread>
#include <vector>

#include "absl/status/status.h"
#include "base/file_descriptor.h"
#include "base/mutex.h"
#include "executors/handlers/vector_math.h"

namespace remuda {
namespace {

static_assert(std::endian::native == std::endian::little,
              "the files are little-endian");

// Numbers that a thread reads at once: two blocks fit into a core's cache.
constexpr uint64_t kBlock = uint64_t{1} << 15;

struct OpenFile {
  UniqueFd fd;
  uint64_t count = 0;  // of numbers
};

absl::StatusOr<OpenFile> OpenNumbers(const std::string& path,
                                     const std::string& name) {
  OpenFile file;
  file.fd.Reset(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  struct stat facts {};
  if (!file.fd.valid() || fstat(file.fd.get(), &facts) != 0) {
    return ErrnoStatus(errno, "read '" + path + "' (" + name + ")");
  }
  if (!S_ISREG(facts.st_mode)) {
    return absl::InvalidArgumentError("'" + path + "' (" + name +
                                      ") is no file");
  }
  const auto bytes = static_cast<uint64_t>(facts.st_size);
  if (bytes % sizeof(double) != 0) {
    return absl::InvalidArgumentError(
        "'" + path + "' (" + name + ") has " + std::to_string(bytes) +
        " bytes, which are no whole numbers of 8 bytes");
  }
  file.count = bytes / sizeof(double);
  return file;
}

absl::Status ReadAll(int fd, std::span<double> numbers, uint64_t first,
                     const std::string& path) {
  auto* at = reinterpret_cast<char*>(numbers.data());
  size_t left = numbers.size_bytes();
  auto offset = static_cast<off_t>(first * sizeof(double));
  while (left > 0) {
    const ssize_t count = pread(fd, at, left, offset);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return ErrnoStatus(errno, "read '" + path + "'");
    if (count == 0) {
      return absl::InvalidArgumentError("'" + path +
                                        "' was cut short while it was read");
    }
    at += count;
    left -= static_cast<size_t>(count);
    offset += count;
  }
  return absl::OkStatus();
}

absl::Status WriteAll(int fd, std::span<const double> numbers, uint64_t first,
                      const std::string& path) {
  const auto* at = reinterpret_cast<const char*>(numbers.data());
  size_t left = numbers.size_bytes();
  auto offset = static_cast<off_t>(first * sizeof(double));
  while (left > 0) {
    const ssize_t count = pwrite(fd, at, left, offset);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return ErrnoStatus(errno, "write '" + path + "'");
    at += count;
    left -= static_cast<size_t>(count);
    offset += count;
  }
  return absl::OkStatus();
}

// The threads of one computation take blocks until none is left.
class FilesRun {
 public:
  FilesRun(const VectorFiles& files, const OpenFile& x, const OpenFile& y,
           int to, double a, const std::stop_token& stop)
      : files_(files), x_(x), y_(y), to_(to), a_(a), stop_(stop) {}

  absl::Status Run(size_t threads) {
    std::vector<std::thread> others;
    for (size_t i = 1; i < threads; ++i) {
      others.emplace_back([this] { TakeBlocks(); });
    }
    TakeBlocks();
    for (std::thread& other : others) other.join();
    MutexLock lock(mutex_);
    return failed_;
  }

 private:
  void TakeBlocks() {
    std::vector<double> x(std::min(kBlock, x_.count));
    std::vector<double> y(x.size());
    while (!over_.load()) {
      const uint64_t first = next_.fetch_add(kBlock);
      if (first >= x_.count) return;
      const size_t count = std::min(kBlock, x_.count - first);
      const absl::Status done = stop_.stop_requested()
                                    ? absl::CancelledError("asked to stop")
                                    : Block(std::span(x).first(count),
                                            std::span(y).first(count), first);
      if (done.ok()) continue;
      over_ = true;
      MutexLock lock(mutex_);
      failed_.Update(done);
    }
  }

  absl::Status Block(std::span<double> x, std::span<double> y,
                     uint64_t first) const {
    absl::Status status = ReadAll(x_.fd.get(), x, first, files_.x);
    if (status.ok()) status = ReadAll(y_.fd.get(), y, first, files_.y);
    if (!status.ok()) return status;
    MultiplyAdd(x, a_, y);
    return WriteAll(to_, y, first, files_.to);
  }

  const VectorFiles& files_;
  const OpenFile& x_;
  const OpenFile& y_;
  const int to_;
  const double a_;
  const std::stop_token stop_;
  std::atomic<uint64_t> next_ = 0;
  std::atomic<bool> over_ = false;
  Mutex mutex_;
  absl::Status failed_ GUARDED_BY(mutex_);
};

}  // namespace

absl::StatusOr<uint64_t> MultiplyAddFiles(const VectorFiles& files, double a,
                                          size_t threads,
                                          const std::stop_token& stop) {
  const absl::StatusOr<OpenFile> x = OpenNumbers(files.x, "x");
  if (!x.ok()) return x.status();
  const absl::StatusOr<OpenFile> y = OpenNumbers(files.y, "y");
  if (!y.ok()) return y.status();
  if (x->count != y->count) {
    return absl::InvalidArgumentError(
        "x has " + std::to_string(x->count) + " numbers and y has " +
        std::to_string(y->count) + "; both need as many");
  }
  std::string part = files.to + ".part-XXXXXX";
  UniqueFd to(mkostemp(part.data(), O_CLOEXEC));
  if (!to.valid()) return ErrnoStatus(errno, "write beside '" + files.to + "'");
  absl::Status done = FilesRun(files, *x, *y, to.get(), a, stop)
                          .Run(std::max<size_t>(1, threads));
  // As the umask would have it: mkostemp gives nobody else a right.
  if (done.ok()) fchmod(to.get(), 0644);
  if (done.ok() && fsync(to.get()) != 0) {
    done = ErrnoStatus(errno, "write '" + files.to + "'");
  }
  if (done.ok() && rename(part.c_str(), files.to.c_str()) != 0) {
    done = ErrnoStatus(errno, "write '" + files.to + "'");
  }
  if (done.ok()) return x->count;
  unlink(part.c_str());
  return done;
}

}  // namespace remuda
