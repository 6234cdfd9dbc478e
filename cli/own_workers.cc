#include "cli/own_workers.h"

#include <algorithm>
#include <filesystem>
#include <sstream>
#include <system_error>
#include <utility>

#include "jobs/added_job_types.h"
#include "jobs/job_type.h"
#include "jobs/states.h"

namespace remuda {
namespace {

constexpr size_t kTypeNameMax = 64;

std::vector<OwnWorker>& Workers() {
  static auto& workers = *new std::vector<OwnWorker>;
  return workers;
}

std::vector<std::string> Words(const std::string& text) {
  std::istringstream stream(text);
  std::vector<std::string> words;
  std::string word;
  while (stream >> word) {
    std::error_code error;
    const bool is_program = words.empty() && word.find('/') == word.npos;
    const bool is_file =
        !is_program && std::filesystem::is_regular_file(word, error);
    words.push_back(is_file ? std::filesystem::absolute(word).string() : word);
  }
  return words;
}

absl::StatusOr<OwnWorker> ParseEntry(const std::string& entry) {
  const size_t sign = entry.find('=');
  const std::vector<std::string> type = Words(entry.substr(0, sign));
  if (type.size() != 1) {
    return absl::InvalidArgumentError(
        "a worker is named by TYPE=COMMAND, and not by '" + entry + "'");
  }
  OwnWorker worker{.type = type.front(), .argv = {}};
  if (sign == std::string::npos) return worker;
  worker.argv = Words(entry.substr(sign + 1));
  if (worker.argv.empty()) {
    return absl::InvalidArgumentError(
        "there is no command behind '" + worker.type +
        "='; leave the sign out where other processes host the type");
  }
  return worker;
}

bool IsTypeName(const std::string& name) {
  return name.size() <= kTypeNameMax &&
         std::all_of(name.begin(), name.end(), [](char c) {
           return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
                  c == '.' || c == '_' || c == '-';
         });
}

JobType TypeOf(const OwnWorker& worker) {
  JobType type;
  type.name = worker.type;
  type.meaning = "Runs in a worker named by --worker or REMUDA_WORKERS.";
  type.executors = {ExecutorKind::kProcessPool};
  type.runs_user_code = true;
  type.killable = true;
  type.takes_any_parameters = true;
  return type;
}

}  // namespace

absl::StatusOr<std::vector<OwnWorker>> ParseOwnWorkers(
    const std::string& text) {
  std::vector<OwnWorker> workers;
  std::istringstream entries(text);
  for (std::string entry; std::getline(entries, entry, ';');) {
    if (entry.find_first_not_of(" \t\n") == std::string::npos) continue;
    absl::StatusOr<OwnWorker> worker = ParseEntry(entry);
    if (!worker.ok()) return worker.status();
    workers.push_back(*std::move(worker));
  }
  return workers;
}

absl::Status LearnOwnWorkers(const std::string& text) {
  absl::StatusOr<std::vector<OwnWorker>> workers = ParseOwnWorkers(text);
  if (!workers.ok()) return workers.status();
  for (OwnWorker& worker : *workers) {
    if (!IsTypeName(worker.type)) {
      return absl::InvalidArgumentError(
          "'" + worker.type +
          "' is no name of a job type: small letters, digits, dots, dashes "
          "and underscores, at most 64");
    }
    const absl::Status added = AddJobType(TypeOf(worker));
    if (!added.ok()) return added;
    Workers().push_back(std::move(worker));
  }
  return absl::OkStatus();
}

const std::vector<OwnWorker>& KnownOwnWorkers() { return Workers(); }

}  // namespace remuda
