#include "coordinator/api/spec_body.h"

#include <algorithm>
#include <cctype>
#include <map>
#include <set>
#include <utility>

#include "coordinator/api/multipart.h"
#include "jobs/spec.h"

namespace remuda {
namespace {

constexpr char kSpecPart[] = "spec";

bool IsYaml(const std::string& content_type) {
  std::string type = content_type.substr(0, content_type.find(';'));
  while (!type.empty() && type.back() == ' ') type.pop_back();
  std::transform(type.begin(), type.end(), type.begin(), [](unsigned char c) {
    return static_cast<char>(std::tolower(c));
  });
  return type == "application/yaml" || type == "application/x-yaml" ||
         type == "text/yaml";
}

Problem Unreadable(std::vector<SpecError> errors) {
  const std::string detail =
      errors.size() == 1
          ? "the spec has an error"
          : "the spec has " + std::to_string(errors.size()) + " errors";
  return {.status = 400, .detail = detail, .errors = std::move(errors)};
}

// A part that no job names is a name written wrongly.
std::optional<Problem> FindUnusedPart(
    const std::map<std::string, std::string>& files,
    const std::vector<Job>& jobs) {
  std::set<std::string> named;
  for (const Job& job : jobs) named.insert(job.tasks.path);
  for (const auto& [name, text] : files) {
    if (!named.contains(name)) {
      return Problem{.detail = "the part '" + name +
                               "' is no file that the spec names; name each "
                               "part as the spec does, and the spec 'spec'"};
    }
  }
  return std::nullopt;
}

}  // namespace

size_t SpecBodyBytesMax(const std::string& content_type) {
  if (IsYaml(content_type)) return kSpecBytesMax;
  if (!MultipartBoundary(content_type).has_value()) return 0;
  return kSpecBytesMax + kSentBytesMax + kPartsMax * kPartHeaderBytesMax;
}

std::variant<std::vector<ResolvedJob>, Problem> ReadSpecBody(
    const std::string& body, const std::string& content_type) {
  std::map<std::string, std::string> files;
  std::string sent_spec;
  if (const auto boundary = MultipartBoundary(content_type)) {
    auto parts = ParseMultipart(body, *boundary);
    if (!parts.ok()) {
      return Problem{.detail = std::string(parts.status().message())};
    }
    files = *std::move(parts);
    const auto spec = files.find(kSpecPart);
    if (spec == files.end()) {
      return Problem{.detail = "the multipart body has no part 'spec'"};
    }
    sent_spec = std::move(spec->second);
    files.erase(spec);
  }
  const std::string& spec =
      files.empty() && sent_spec.empty() && IsYaml(content_type) ? body
                                                                 : sent_spec;
  if (spec.size() > kSpecBytesMax) {
    return Problem{.status = 413,
                   .detail =
                       "a spec may have 1 MiB; lists of items go into "
                       "files beside it"};
  }
  SpecResult parsed = ParseSpec(spec, kSpecPart);
  if (!parsed.errors.empty()) return Unreadable(std::move(parsed.errors));
  if (std::optional<Problem> unused = FindUnusedPart(files, parsed.jobs)) {
    return *std::move(unused);
  }
  std::vector<ResolvedJob> jobs;
  std::vector<SpecError> errors;
  for (const Job& job : parsed.jobs) {
    absl::StatusOr<ResolvedJob> resolved = ResolveSentItems(job, files);
    if (resolved.ok()) {
      jobs.push_back(*std::move(resolved));
    } else {
      errors.push_back({.file = kSpecPart,
                        .message = "job '" + job.name + "': " +
                                   std::string(resolved.status().message())});
    }
  }
  if (!errors.empty()) return Unreadable(std::move(errors));
  return jobs;
}

}  // namespace remuda
