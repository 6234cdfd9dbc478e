#include "executors/handlers/sleep_parameters.h"

#include <chrono>

#include "absl/status/status.h"
#include "nlohmann/json.hpp"

namespace remuda {
namespace {

constexpr double kSecondsMax = 366.0 * 24 * 3600;

}  // namespace

absl::StatusOr<Duration> ParseSleepParameters(const std::string& parameters) {
  const nlohmann::json json =
      nlohmann::json::parse(parameters, nullptr, /*allow_exceptions=*/false);
  if (!json.is_object() || !json.contains("seconds")) {
    return absl::InvalidArgumentError("sleep needs the parameter `seconds`");
  }
  const nlohmann::json& seconds = json["seconds"];
  if (!seconds.is_number()) {
    return absl::InvalidArgumentError("`seconds` must be a number, not " +
                                      seconds.dump().substr(0, 40));
  }
  const double value = seconds.get<double>();
  if (!(value >= 0 && value <= kSecondsMax)) {
    return absl::InvalidArgumentError(
        "`seconds` must be between 0 and a year, not " + seconds.dump());
  }
  return std::chrono::duration_cast<Duration>(
      std::chrono::duration<double>(value));
}

}  // namespace remuda
