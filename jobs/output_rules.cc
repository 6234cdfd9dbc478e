#include "jobs/output_rules.h"

#include "jobs/json_text.h"

namespace remuda {
namespace {

absl::Status Bad(const std::string& what) {
  return absl::InvalidArgumentError(what);
}

}  // namespace

std::string WhyBadOutputPattern(std::string_view pattern) {
  if (pattern.empty()) return "is empty";
  if (pattern.size() > kOutputPathBytesMax) return "is too long";
  if (pattern.find('\0') != std::string_view::npos) return "holds a zero byte";
  if (pattern.front() == '/') {
    return "is absolute; files are named relative to the task's own folder";
  }
  while (!pattern.empty()) {
    const std::string_view part = pattern.substr(0, pattern.find('/'));
    if (part == "..") return "leaves the task's own folder";
    if (part.find("**") != std::string_view::npos) {
      return "holds '**', which is not supported yet; name each level, as in "
             "'*/*.txt'";
    }
    if (part.empty() || part == ".") return "has an empty part or '.'";
    pattern.remove_prefix(part.size());
    if (pattern == "/") return "ends with a slash; name the files, as in 'a/*'";
    if (!pattern.empty()) pattern.remove_prefix(1);
  }
  return "";
}

absl::Status CheckOutputRules(const Job& job) {
  const OutputRules& rules = job.outputs;
  if (rules == OutputRules{}) return absl::OkStatus();
  if (rules.to.empty()) return Bad("'outputs' has no folder 'to'");
  if (rules.files.size() > kOutputPatternsMax) {
    return Bad("'outputs.files' has more than " +
               std::to_string(kOutputPatternsMax) + " patterns");
  }
  for (const std::string& pattern : rules.files) {
    const std::string why = WhyBadOutputPattern(pattern);
    if (!why.empty()) return Bad("'outputs.files': '" + pattern + "' " + why);
  }
  if (job.type == "command") {
    if (JsonMember(job.with, "cwd")) {
      return Bad(
          "'outputs' collects from the folder that each task has for itself; "
          "leave 'cwd' out of 'with'");
    }
    if (!rules.files.empty()) return absl::OkStatus();
    return Bad(
        "'outputs' of a command needs 'files', the patterns of what to keep, "
        "as in files: ['*.txt']");
  }
  if (job.type != "python") {
    return Bad("'outputs' is not supported yet for job type '" + job.type +
               "'; command and python have it");
  }
  if (rules.files.empty()) return absl::OkStatus();
  return Bad(
      "'outputs.files' is for commands; a python function returns the path of "
      "the file that is its result");
}

}  // namespace remuda
