#include "coordinator/store/finding_text.h"

#include <cstdint>
#include <exception>
#include <nlohmann/json.hpp>
#include <utility>

#include "absl/status/status.h"

namespace remuda {
namespace {

using nlohmann::json;

JobFinding FromJson(const json& body) {
  JobFinding finding = {
      .code = body.at("code").get<std::string>(),
      .text = body.at("text").get<std::string>(),
      .function = body.at("function").get<std::string>(),
      .file = body.at("file").get<std::string>(),
      .line = body.at("line").get<uint64_t>(),
      .task = std::nullopt,
      .count = body.at("count").get<uint64_t>(),
      .longest = Duration(body.at("longest_ns").get<int64_t>())};
  if (body.contains("task")) finding.task = body["task"].get<uint64_t>();
  return finding;
}

}  // namespace

std::string FindingToJson(const JobFinding& finding) {
  json body = {{"code", finding.code},
               {"text", finding.text},
               {"function", finding.function},
               {"file", finding.file},
               {"line", finding.line},
               {"count", finding.count},
               {"longest_ns", finding.longest.count()}};
  if (finding.task) body["task"] = *finding.task;
  return body.dump(-1, ' ', false, json::error_handler_t::replace);
}

absl::StatusOr<std::vector<JobFinding>> FindingsFromJson(
    const std::string& list) {
  std::vector<JobFinding> findings;
  try {
    for (const json& body : json::parse("[" + list + "]")) {
      findings.push_back(FromJson(body));
    }
  } catch (const std::exception& error) {
    return absl::DataLossError(
        std::string("a stored finding cannot be read: ") + error.what());
  }
  return findings;
}

}  // namespace remuda
