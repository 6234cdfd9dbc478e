#include "executors/process_pool/output_files.h"

#include <dirent.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <set>
#include <string_view>
#include <system_error>

#include "base/file_descriptor.h"

namespace remuda {
namespace {

constexpr size_t kCopyAtOnce = size_t{64} << 20;

std::string Quoted(const std::string& text) { return "'" + text + "'"; }

bool IsPattern(const std::string& part) {
  return part.find_first_of("*?[\\") != std::string::npos;
}

std::vector<std::string> PartsOf(const std::string& pattern) {
  std::vector<std::string> parts;
  size_t first = 0;
  for (;;) {
    const size_t slash = pattern.find('/', first);
    parts.push_back(pattern.substr(first, slash - first));
    if (slash == std::string::npos) return parts;
    first = slash + 1;
  }
}

// The names in a folder that fit one part of a pattern.
std::vector<std::string> NamesIn(const std::string& folder,
                                 const std::string& part) {
  if (!IsPattern(part)) return {part};
  std::vector<std::string> names;
  const std::unique_ptr<DIR, int (*)(DIR*)> open(opendir(folder.c_str()),
                                                 closedir);
  if (open == nullptr) return names;
  while (const dirent* entry = readdir(open.get())) {
    const std::string name = entry->d_name;
    if (name == "." || name == "..") continue;
    if (fnmatch(part.c_str(), name.c_str(), FNM_PERIOD) == 0) {
      names.push_back(name);
    }
  }
  return names;
}

// The files that patterns name, relative to the folder and in order.
class Finder {
 public:
  // `place` is where the files will be.
  Finder(const std::string& folder, const std::string& place)
      : folder_(folder), place_bytes_(place.size() + 1) {}

  absl::Status Add(const std::string& pattern) {
    const std::vector<std::string> parts = PartsOf(pattern);
    std::vector<std::string> found = {""};
    const size_t before = matches_;
    for (size_t i = 0; i < parts.size(); ++i) {
      std::vector<std::string> next;
      for (const std::string& parent : found) {
        for (const std::string& name :
             NamesIn(folder_ + "/" + parent, parts[i])) {
          const absl::Status status =
              Look(parent + name, i + 1 == parts.size(), &next);
          if (!status.ok()) return status;
        }
      }
      found = std::move(next);
    }
    if (matches_ > before) return absl::OkStatus();
    return absl::NotFoundError("no file of the task fits " + Quoted(pattern) +
                               " in 'outputs.files'");
  }

  const std::set<std::string>& files() const { return files_; }

 private:
  // Folders lead on to the next part; at the last one they are passed over.
  absl::Status Look(const std::string& path, bool is_last,
                    std::vector<std::string>* next) {
    struct stat facts {};
    if (lstat((folder_ + "/" + path).c_str(), &facts) != 0) {
      return absl::OkStatus();
    }
    if (S_ISDIR(facts.st_mode)) {
      if (!is_last) next->push_back(path + "/");
      return absl::OkStatus();
    }
    if (S_ISLNK(facts.st_mode)) {
      return absl::FailedPreconditionError(
          Quoted(path) +
          " is a symbolic link, and might lead out of the "
          "task's folder; write the file itself");
    }
    if (!is_last) return absl::OkStatus();
    if (!S_ISREG(facts.st_mode)) {
      return absl::FailedPreconditionError(Quoted(path) +
                                           " is not a plain file");
    }
    ++matches_;
    if (!files_.insert(path).second) return absl::OkStatus();
    name_bytes_ += place_bytes_ + path.size();
    if (files_.size() > kOutputFilesMax || name_bytes_ > kOutputNamesBytesMax) {
      return absl::ResourceExhaustedError(
          "the task has more than " + std::to_string(kOutputFilesMax) +
          " files that are results, or their paths are too long; pack them "
          "into one");
    }
    return absl::OkStatus();
  }

  const std::string& folder_;
  const size_t place_bytes_;
  std::set<std::string> files_;
  size_t matches_ = 0;
  size_t name_bytes_ = 0;
};

absl::Status Copy(const std::string& from, const std::string& to) {
  const UniqueFd in(open(from.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
  if (!in.valid()) return ErrnoStatus(errno, "read " + from);
  const UniqueFd out(
      open(to.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666));
  if (!out.valid()) return ErrnoStatus(errno, "write " + to);
  bool by_sendfile = false;
  for (;;) {
    const ssize_t count =
        by_sendfile ? sendfile(out.get(), in.get(), nullptr, kCopyAtOnce)
                    : copy_file_range(in.get(), nullptr, out.get(), nullptr,
                                      kCopyAtOnce, 0);
    if (count == 0) return absl::OkStatus();
    if (count > 0 || errno == EINTR) continue;
    // Not every pair of file systems can do the first.
    const bool cannot = errno == EXDEV || errno == EINVAL || errno == ENOSYS ||
                        errno == EOPNOTSUPP;
    if (by_sendfile || !cannot) return ErrnoStatus(errno, "write " + to);
    by_sendfile = true;
  }
}

// A file becomes the new folder's, which is on the disk where it will stay.
absl::Status Move(const std::string& from, const std::string& to) {
  if (rename(from.c_str(), to.c_str()) == 0) return absl::OkStatus();
  if (errno != EXDEV) return ErrnoStatus(errno, "move a file to " + to);
  return Copy(from, to);
}

absl::Status MakeFolders(const std::string& path) {
  std::error_code error;
  std::filesystem::create_directories(path, error);
  if (!error) return absl::OkStatus();
  return ErrnoStatus(error.value(), "make the folder " + path);
}

void Remove(const std::string& folder) {
  std::error_code ignored;
  std::filesystem::remove_all(folder, ignored);
}

absl::StatusOr<std::vector<OutputFile>> Fill(const std::string& folder,
                                             const std::set<std::string>& names,
                                             const std::string& fresh,
                                             const std::string& final_place) {
  std::vector<OutputFile> files;
  for (const std::string& name : names) {
    const std::string to = fresh + "/" + name;
    absl::Status status = MakeFolders(to.substr(0, to.rfind('/')));
    if (status.ok()) status = Move(folder + "/" + name, to);
    if (!status.ok()) return status;
    struct stat facts {};
    if (stat(to.c_str(), &facts) != 0) return ErrnoStatus(errno, "see " + to);
    files.push_back({.path = final_place + "/" + name,
                     .bytes = static_cast<uint64_t>(facts.st_size)});
  }
  return files;
}

// Puts `fresh` in the place of `place`, in one step if that is there.
absl::Status Replace(const std::string& fresh, const std::string& place) {
  if (renameat2(AT_FDCWD, fresh.c_str(), AT_FDCWD, place.c_str(),
                RENAME_EXCHANGE) == 0) {
    Remove(fresh);  // what was there before
    return absl::OkStatus();
  }
  if (errno != ENOENT) Remove(place);  // a file system without exchange
  if (rename(fresh.c_str(), place.c_str()) == 0) return absl::OkStatus();
  return ErrnoStatus(errno, "make the folder " + place);
}

}  // namespace

absl::StatusOr<std::vector<OutputFile>> CollectOutputs(
    const std::string& folder, const OutputRules& rules, AttemptId attempt) {
  const std::string index = std::to_string(attempt.task);
  const std::string place = rules.to + "/" + index;
  Finder finder(folder, place);
  for (const std::string& pattern : rules.files) {
    const absl::Status status = finder.Add(pattern);
    if (!status.ok()) return status;
  }
  const std::string fresh = rules.to + "/." + index + "." +
                            std::to_string(attempt.job.value) + "." +
                            std::to_string(attempt.fence.value) + ".tmp";
  Remove(fresh);  // of an agent that ended in the middle of it
  absl::Status status = MakeFolders(fresh);
  if (!status.ok()) return status;
  auto files = Fill(folder, finder.files(), fresh, place);
  if (files.ok()) {
    status = Replace(fresh, place);
    if (status.ok()) return files;
  } else {
    status = files.status();
  }
  Remove(fresh);
  return status;
}

}  // namespace remuda
