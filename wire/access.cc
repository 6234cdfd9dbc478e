#include "wire/access.h"

#include <array>
#include <type_traits>
#include <variant>

namespace remuda {
namespace {

constexpr std::array<const char*, kRoles> kRoleNames = {
    "local", "agent", "submitter", "viewer", "operator"};

// One row of the table: what each role may do with one request.
struct Row {
  Permission submitter = Permission::kDenied;
  Permission viewer = Permission::kDenied;
};

// A new request does not compile until it has its row.
constexpr Row kSubmits = {.submitter = Permission::kAll};
constexpr Row kChangesJobs = {.submitter = Permission::kOwn};
constexpr Row kReadsJobs = {.submitter = Permission::kOwn,
                            .viewer = Permission::kAll};
constexpr Row kReadsAgents = {.viewer = Permission::kAll};
constexpr Row kReadsBuild = {.submitter = Permission::kAll,
                             .viewer = Permission::kAll};

constexpr Row RowOf(const UploadItems&) { return kSubmits; }
constexpr Row RowOf(const Submit&) { return kSubmits; }
constexpr Row RowOf(const CancelJob&) { return kChangesJobs; }
constexpr Row RowOf(const GetJobs&) { return kReadsJobs; }
constexpr Row RowOf(const WatchJobs&) { return kReadsJobs; }
constexpr Row RowOf(const GetResults&) { return kReadsJobs; }
constexpr Row RowOf(const GetLogs&) { return kReadsJobs; }
constexpr Row RowOf(const GetAgents&) { return kReadsAgents; }
constexpr Row RowOf(const GetInfo&) { return kReadsBuild; }
constexpr Row RowOf(const GetVerdicts&) { return kReadsJobs; }

}  // namespace

const char* RoleName(Role role) {
  return kRoleNames[static_cast<size_t>(role)];
}

std::optional<Role> RoleFromName(std::string_view name) {
  for (int i = 1; i < kRoles; ++i) {
    if (name == kRoleNames[static_cast<size_t>(i)]) return static_cast<Role>(i);
  }
  return std::nullopt;
}

Permission MayAsk(Role role, const ClientRequest& request) {
  const Row row =
      std::visit([](const auto& one) { return RowOf(one); }, request);
  switch (role) {
    case Role::kLocal:
    case Role::kOperator:
      return Permission::kAll;
    case Role::kSubmitter:
      return row.submitter;
    case Role::kViewer:
      return row.viewer;
    case Role::kAgent:
      return Permission::kDenied;
  }
  return Permission::kDenied;
}

bool MayServe(Role role) {
  return role == Role::kLocal || role == Role::kAgent;
}

}  // namespace remuda
