#include "cli/type_pages.h"

#include <gtest/gtest.h>

#include "nlohmann/json.hpp"

namespace remuda {
namespace {

TEST(TypePagesTest, TheTableHasEveryType) {
  const std::string table = TypesTable(ShippedJobTypes());
  for (const JobType& type : ShippedJobTypes()) {
    EXPECT_NE(table.find("\n" + type.name + " "), std::string::npos);
  }
}

TEST(TypePagesTest, APageSaysWhatASpecMayHold) {
  const std::string page = TypePage(*FindJobType("python"));
  for (const char* part :
       {"python: Calls a Python function", "executors  process-pool, async",
        "function  ", "text, required: Which one",
        "one of io, blocking, cpu and vectorized: "}) {
    EXPECT_NE(page.find(part), std::string::npos) << part << "\n" << page;
  }
}

TEST(TypePagesTest, TheJsonIsWhole) {
  const auto json = nlohmann::json::parse(TypesJson(ShippedJobTypes()));
  ASSERT_EQ(json["types"].size(), ShippedJobTypes().size());
  const auto& command = json["types"][0];
  EXPECT_EQ(command["name"], "command");
  EXPECT_EQ(command["workload"], "unknown");
  EXPECT_EQ(command["executors"][0], "process-pool");
  EXPECT_EQ(command["parameters"][0]["required"], true);
}

}  // namespace
}  // namespace remuda
