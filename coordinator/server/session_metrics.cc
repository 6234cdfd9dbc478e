// The part of CoordinatorMetrics that shows sessions, submissions and sizes.

#include <filesystem>
#include <string>
#include <system_error>
#include <utility>

#include "coordinator/server/coordinator_metrics.h"

namespace remuda {

void CoordinatorMetrics::PublishSessions(const CoreCounters& core) {
  const std::pair<const char*, uint64_t> kTotals[] = {
      {"submissions_accepted", core.submissions_accepted},
      {"submissions_duplicate", core.submissions_existed},
      {"submissions_conflict", core.submissions_conflict},
      {"submissions_busy", core.submissions_busy + refused_busy_},
      {"submissions_invalid", core.submissions_invalid + refused_invalid_},
      {"cancels_before_start", core.cancels_before_start},
      {"cancels_while_running", core.cancels_while_running},
      {"cancels_too_late", core.cancels_too_late},
      {"cancels_unknown", core.cancels_unknown},
      {"sessions_registered", core.sessions_opened},
      {"sessions_resumed", core.sessions_resumed},
      {"sessions_expired", core.leases_expired},
      {"sessions_closed", core.sessions_closed},
      {"sessions_refused", core.sessions_refused},
      {"sessions_reset", core.sessions_reset},
      {"sessions_unreachable", core.sessions_unreachable},
      {"leases", core.leases_expired},
      {"duplicates", core.duplicates},
  };
  for (const auto& [name, value] : kTotals) {
    totals_.at(name).AdvanceTo(static_cast<double>(value));
  }
  for (size_t kind = 0; kind < kAgentMessageKinds; ++kind) {
    for (size_t reason = 0; reason < kStaleReasons; ++reason) {
      stale_[kind][reason].AdvanceTo(
          static_cast<double>(core.stale[kind][reason]));
    }
  }
  for (size_t state = 0; state < agents_.size(); ++state) {
    agents_[state].Set(static_cast<double>(core.agents[state]));
  }
  for (size_t kind = 0; kind < credit_.size(); ++kind) {
    const uint64_t credit = core.credit[kind];
    const uint64_t used = core.outstanding[kind];
    credit_[kind].Set(static_cast<double>(credit > used ? credit - used : 0));
  }
}

void CoordinatorMetrics::PublishSizes(const std::string& database_path) {
  const auto size = [](const std::string& path) {
    std::error_code error;
    const uintmax_t bytes = std::filesystem::file_size(path, error);
    return error ? 0.0 : static_cast<double>(bytes);
  };
  gauges_.at("db").Set(size(database_path));
  gauges_.at("wal").Set(size(database_path + "-wal"));
  std::error_code error;
  const std::filesystem::space_info disk =
      std::filesystem::space(database_path, error);
  if (!error) gauges_.at("free").Set(static_cast<double>(disk.available));
}

}  // namespace remuda
