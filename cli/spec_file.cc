#include "cli/spec_file.h"

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <utility>

#include "absl/status/statusor.h"
#include "jobs/lock_file.h"
#include "jobs/spec.h"
#include "jobs/verdict/work_name.h"

namespace remuda {
namespace {

// More than ParseSpec accepts, so that it can say so, but not without end.
std::string ReadSome(std::istream& in) {
  constexpr size_t kBytesMax = 4u << 20;
  std::string text(kBytesMax, '\0');
  in.read(text.data(), static_cast<std::streamsize>(kBytesMax));
  text.resize(static_cast<size_t>(in.gcount()));
  return text;
}

// Pins what the lock file beside the spec says of jobs that leave the choice.
void ApplyLock(const std::filesystem::path& folder, SpecFile& file) {
  const std::string path = (folder / kLockFileName).string();
  std::error_code error;
  if (!std::filesystem::exists(path, error)) return;
  std::ifstream in(path);
  if (std::filesystem::is_directory(path, error) || !in.is_open()) {
    file.errors.push_back(path + ": cannot read it; mend or remove it");
    return;
  }
  const LockResult lock = ParseLock(ReadSome(in), path);
  for (const SpecError& bad : lock.errors) file.errors.push_back(ToText(bad));
  if (!file.errors.empty()) return;
  for (ResolvedJob& resolved : file.jobs) {
    Job& job = resolved.job;
    if (!job.executor.is_auto()) continue;
    const LockEntry* entry =
        FindLock(lock.entries, job.type, WorkName(job.type, job.with));
    if (entry == nullptr) continue;
    job.executor.pinned = entry->executor;
    job.executor.pinned_reason = entry->reason;
  }
}

}  // namespace

SpecFile ReadSpecFile(const std::string& path) {
  SpecFile file;
  std::string text;
  std::filesystem::path folder = ".";
  if (path == "-") {
    text = ReadSome(std::cin);
  } else {
    std::error_code error;
    std::ifstream in;
    if (!std::filesystem::is_directory(path, error)) in.open(path);
    if (!in.is_open()) {
      file.errors.push_back(path + ": cannot read it: " +
                            (std::filesystem::is_directory(path, error)
                                 ? "it is a folder; name the YAML file in it"
                                 : std::strerror(errno)));
      return file;
    }
    text = ReadSome(in);
    folder = std::filesystem::path(path).parent_path();
    if (folder.empty()) folder = ".";
  }
  const std::string name = path == "-" ? "<stdin>" : path;
  SpecResult parsed = ParseSpec(text, name);
  for (const SpecError& error : parsed.errors) {
    file.errors.push_back(ToText(error));
  }
  if (!file.errors.empty()) return file;
  for (const Job& job : parsed.jobs) {
    absl::StatusOr<ResolvedJob> resolved = ResolveItems(job, folder.string());
    if (resolved.ok()) {
      file.jobs.push_back(*std::move(resolved));
    } else {
      file.errors.push_back(name + ": job '" + job.name +
                            "': " + std::string(resolved.status().message()));
    }
  }
  if (path != "-" && file.errors.empty()) ApplyLock(folder, file);
  // All of a file or nothing.
  if (!file.errors.empty()) file.jobs.clear();
  return file;
}

}  // namespace remuda
