#include "wire/access.h"

#include <utility>
#include <variant>
#include <vector>

#include "gtest/gtest.h"

namespace remuda {
namespace {

constexpr Permission kNo = Permission::kDenied;
constexpr Permission kOwn = Permission::kOwn;
constexpr Permission kAll = Permission::kAll;

// Written out a second time, in full: every request by every role.
TEST(AccessTest, GrantsExactlyThisTable) {
  const std::vector<std::pair<ClientRequest, std::vector<Permission>>> table = {
      //                 local agent submitter viewer operator
      {UploadItems{}, {kAll, kNo, kAll, kNo, kAll}},
      {Submit{}, {kAll, kNo, kAll, kNo, kAll}},
      {CancelJob{}, {kAll, kNo, kOwn, kNo, kAll}},
      {GetJobs{}, {kAll, kNo, kOwn, kAll, kAll}},
      {WatchJobs{}, {kAll, kNo, kOwn, kAll, kAll}},
      {GetResults{}, {kAll, kNo, kOwn, kAll, kAll}},
      {GetLogs{}, {kAll, kNo, kOwn, kAll, kAll}},
      {GetAgents{}, {kAll, kNo, kNo, kAll, kAll}},
      {GetInfo{}, {kAll, kNo, kAll, kAll, kAll}},
      {GetVerdicts{}, {kAll, kNo, kOwn, kAll, kAll}},
  };
  ASSERT_EQ(table.size(), std::variant_size_v<ClientRequest>);
  for (size_t i = 0; i < table.size(); ++i) {
    const auto& [request, permissions] = table[i];
    ASSERT_EQ(request.index(), i) << "one row a request, in order";
    for (int role = 0; role < kRoles; ++role) {
      EXPECT_EQ(MayAsk(static_cast<Role>(role), request),
                permissions[static_cast<size_t>(role)])
          << "request " << i << " by " << RoleName(static_cast<Role>(role));
    }
  }
}

TEST(AccessTest, OnlyAgentsServe) {
  EXPECT_TRUE(MayServe(Role::kLocal));
  EXPECT_TRUE(MayServe(Role::kAgent));
  EXPECT_FALSE(MayServe(Role::kSubmitter));
  EXPECT_FALSE(MayServe(Role::kViewer));
  EXPECT_FALSE(MayServe(Role::kOperator));
}

TEST(AccessTest, NamesOfRolesReadBack) {
  for (int i = 1; i < kRoles; ++i) {
    const auto role = static_cast<Role>(i);
    EXPECT_EQ(RoleFromName(RoleName(role)), role);
  }
  EXPECT_EQ(RoleFromName("local"), std::nullopt) << "nobody's key says so";
  EXPECT_EQ(RoleFromName("Operator"), std::nullopt);
  EXPECT_EQ(RoleFromName(""), std::nullopt);
}

}  // namespace
}  // namespace remuda
