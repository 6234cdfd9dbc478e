#include "jobs/spec_paths.h"

#include <filesystem>
#include <nlohmann/json.hpp>
#include <string_view>
#include <system_error>

#include "jobs/json_text.h"

namespace remuda {
namespace {

using Json = nlohmann::json;

void MakeAbsolute(Json& value, const std::string& folder) {
  if (!value.is_string()) return;
  const std::string path = value.get<std::string>();
  if (path.starts_with("{{")) return;
  value = AbsolutePath(path, folder);
}

absl::Status CheckAbsolute(const Json& value, const std::string& name) {
  if (!value.is_string()) return absl::OkStatus();
  const std::string path = value.get<std::string>();
  if (path.starts_with("{{") || path.starts_with('/')) return absl::OkStatus();
  return absl::InvalidArgumentError(
      "with." + name + ": '" + path +
      "' is relative, but this spec came without its folder; write the whole "
      "path, as the agents see it");
}

std::string Text(const Json& with) {
  return with.dump(-1, ' ', false, Json::error_handler_t::replace);
}

}  // namespace

std::string AbsolutePath(const std::string& path, const std::string& folder) {
  std::error_code error;
  const std::filesystem::path base =
      std::filesystem::absolute(folder.empty() ? "." : folder, error);
  std::string text = (base / path).lexically_normal().string();
  while (text.size() > 1 && text.back() == '/') text.pop_back();
  return text;
}

std::string WithAbsolutePaths(const Job& job, const std::string& folder) {
  if (job.type != "command" && job.type != "python") return job.with;
  if (!IsJson(job.with)) return job.with;
  Json with = Json::parse(job.with, nullptr, /*allow_exceptions=*/false);
  if (!with.is_object()) return job.with;
  if (job.type == "command") {
    if (with.contains("cwd")) MakeAbsolute(with["cwd"], folder);
  } else {
    if (!with.contains("path")) with["path"] = Json::array({"."});
    if (with["path"].is_array()) {
      for (Json& entry : with["path"]) MakeAbsolute(entry, folder);
    }
    // A bare name such as python3.11 is looked up where programs are.
    if (with.contains("python") && with["python"].is_string() &&
        with["python"].get_ref<const std::string&>().find('/') !=
            std::string::npos) {
      MakeAbsolute(with["python"], folder);
    }
  }
  return Text(with);
}

absl::StatusOr<std::string> WithoutFolder(const Job& job) {
  if (job.type != "command" && job.type != "python") return job.with;
  Json with = Json::parse(job.with, nullptr, /*allow_exceptions=*/false);
  if (!with.is_object()) return job.with;
  if (job.type == "command") {
    const absl::Status status = CheckAbsolute(with.value("cwd", Json()), "cwd");
    if (!status.ok()) return status;
    return job.with;
  }
  if (!with.contains("path")) with["path"] = Json::array();
  if (with["path"].is_array()) {
    for (const Json& entry : with["path"]) {
      const absl::Status status = CheckAbsolute(entry, "path");
      if (!status.ok()) return status;
    }
  }
  const Json python = with.value("python", Json());
  if (python.is_string() &&
      python.get_ref<const std::string&>().find('/') != std::string::npos) {
    const absl::Status status = CheckAbsolute(python, "python");
    if (!status.ok()) return status;
  }
  return Text(with);
}

}  // namespace remuda
